package dev.sortie.cli;

/** Something that keeps a command from going on; the message tells a person what, and what to do. */
final class CliException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CliException(String message) {
        super(message);
    }

    CliException(String message, Throwable cause) {
        super(message, cause);
    }

    /** What to tell. */
    String text() {
        return String.valueOf(getMessage());
    }
}
