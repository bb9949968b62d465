package dev.sortie.cli;

/** What the commands end with, for scripts. */
final class ExitCode {

    static final int OK = 0;

    /** Everything worked, and what came of it is not good: tests failed, records were rejected. */
    static final int NOT_GOOD = 1;

    /** It did not work: the command line is wrong, no server answers, a file cannot be read or is refused. */
    static final int ERROR = 2;

    private ExitCode() {}
}
