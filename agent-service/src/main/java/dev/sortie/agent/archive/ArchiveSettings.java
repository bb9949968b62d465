package dev.sortie.agent.archive;

import dev.sortie.runtime.config.Settings;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Whether and where old executions are kept in files.
 *
 * @param location null for no archive: executions stay in the database
 * @param after how long after their end executions go there
 */
public record ArchiveSettings(@Nullable ArchiveLocation location, Duration after) {
    /** No archive. */
    public static final ArchiveSettings NONE = new ArchiveSettings(null, Duration.ofDays(90));

    private static final String EXPECTED = "expected: the absolute path of a folder, or s3://bucket/prefix";

    /** Reads {@code SORTIE_ARCHIVE…}. */
    public static ArchiveSettings read(Settings settings) {
        var location = settings.text(
                        "SORTIE_ARCHIVE",
                        "",
                        "where old executions go, for all servers of agent-service: a folder that they share, or"
                                + " s3://bucket/prefix; empty keeps them in the database")
                .strip();
        var s3 = S3Location.Connection.read(settings);
        var after = settings.duration(
                "SORTIE_ARCHIVE_AFTER",
                NONE.after(),
                // By then their log lines have gone, too.
                Duration.ofDays(32),
                Duration.ofDays(3_650),
                "how long after their end executions go to the archive");
        return new ArchiveSettings(location.isEmpty() ? null : location(location, s3, settings), after);
    }

    private static @Nullable ArchiveLocation location(
            String location, S3Location.Connection connection, Settings settings) {
        try {
            if (location.startsWith(S3Location.SCHEME)) {
                return S3Location.of(location, connection);
            }
            var folder = Path.of(location);
            if (folder.isAbsolute()) {
                return new ArchiveLocation.Folder(folder);
            }
            settings.problem("SORTIE_ARCHIVE: " + S3Location.shown(location) + " (" + EXPECTED + ")");
        } catch (InvalidPathException _) {
            settings.problem("SORTIE_ARCHIVE: " + S3Location.shown(location) + " (" + EXPECTED + ")");
        } catch (IllegalArgumentException wrong) {
            settings.problem("SORTIE_ARCHIVE: " + S3Location.shown(location) + " (" + wrong.getMessage() + ")");
        }
        return null;
    }
}
