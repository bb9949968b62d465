package dev.sortie.agent.archive;

import dev.sortie.runtime.config.Settings;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Whether and where old executions are kept in files.
 *
 * @param folder null for no archive: executions stay in the database
 * @param after how long after their end executions go there
 */
public record ArchiveSettings(@Nullable Path folder, Duration after) {
    /** No archive. */
    public static final ArchiveSettings NONE = new ArchiveSettings(null, Duration.ofDays(90));

    /** Reads {@code SORTIE_ARCHIVE…}. */
    public static ArchiveSettings read(Settings settings) {
        var location = settings.text(
                        "SORTIE_ARCHIVE",
                        "",
                        "the folder for old executions, shared by all servers of agent-service; empty keeps them in the"
                                + " database")
                .strip();
        var after = settings.duration(
                "SORTIE_ARCHIVE_AFTER",
                NONE.after(),
                // By then their log lines have gone, too.
                Duration.ofDays(32),
                Duration.ofDays(3_650),
                "how long after their end executions go to the archive");
        return new ArchiveSettings(location.isEmpty() ? null : folder(location, settings), after);
    }

    private static @Nullable Path folder(String location, Settings settings) {
        try {
            var folder = Path.of(location);
            if (folder.isAbsolute()) {
                return folder;
            }
        } catch (InvalidPathException _) {
            // as one that is not absolute
        }
        settings.problem("SORTIE_ARCHIVE: " + location + " (expected: the absolute path of a folder)");
        return null;
    }

    /** Opens the archive; null when there is none. */
    public @Nullable ArchiveStorage open() {
        return folder == null ? null : new FolderStorage(folder);
    }
}
