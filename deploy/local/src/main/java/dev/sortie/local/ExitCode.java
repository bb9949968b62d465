package dev.sortie.local;

/** What the launcher's commands end with, for scripts. */
final class ExitCode {

    static final int OK = 0;

    /** Something failed; standard error says what. */
    static final int FAILED = 1;

    /** The command line or the environment is wrong. */
    static final int USAGE = 2;

    /** Nothing runs ({@code status}, {@code down}), or it runs but is not ready ({@code status}). */
    static final int NOT_RUNNING = 3;

    /** Another {@code up} uses the data folder. */
    static final int ALREADY_RUNNING = 4;

    private ExitCode() {}
}
