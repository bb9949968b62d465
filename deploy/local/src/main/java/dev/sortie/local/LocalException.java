package dev.sortie.local;

/** A failure whose message tells a person what is wrong and what to do; shown without a stack. */
final class LocalException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final int exitCode;

    LocalException(String message) {
        this(ExitCode.FAILED, message);
    }

    LocalException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    LocalException(String message, Throwable cause) {
        super(message, cause);
        this.exitCode = ExitCode.FAILED;
    }

    /** What the process ends with, one of {@link ExitCode}. */
    int exitCode() {
        return exitCode;
    }
}
