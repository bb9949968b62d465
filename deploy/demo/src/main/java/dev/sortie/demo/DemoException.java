package dev.sortie.demo;

/** Something that keeps the demo from going on; the message tells a person what, and what to do. */
class DemoException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    DemoException(String message) {
        super(message);
    }
}
