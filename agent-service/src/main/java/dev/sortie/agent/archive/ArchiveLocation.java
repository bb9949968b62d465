package dev.sortie.agent.archive;

import java.nio.file.Path;

/** Where an archive is. */
public sealed interface ArchiveLocation permits ArchiveLocation.Folder, S3Location {
    /** Opens it; asks nobody yet whether it is there. */
    ArchiveStorage open();

    /** A folder. */
    record Folder(Path path) implements ArchiveLocation {
        @Override
        public ArchiveStorage open() {
            return new FolderStorage(path);
        }

        @Override
        public String toString() {
            return "the folder " + path;
        }
    }
}
