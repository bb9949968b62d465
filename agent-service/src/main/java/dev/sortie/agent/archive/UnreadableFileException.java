package dev.sortie.agent.archive;

import java.io.IOException;

/** A file cannot be read although its storage works: the fault is the file's. */
final class UnreadableFileException extends IOException {
    private static final long serialVersionUID = 1;

    UnreadableFileException(String message, Throwable cause) {
        super(message, cause);
    }
}
