package dev.sortie.knowledge.search;

import java.nio.file.Path;

/** Two processes were told to keep their index in the same folder. */
public final class IndexFolderInUseException extends RuntimeException {
    IndexFolderInUseException(Path folder, String holder) {
        super("the index folder " + folder + " is in use by process " + holder
                + "; stop it, or give this one a folder of its own with SORTIE_INDEX_FOLDER");
    }
}
