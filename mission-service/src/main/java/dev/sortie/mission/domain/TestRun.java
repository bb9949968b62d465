package dev.sortie.mission.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A run of a mission's tests as stored, without its results and its log.
 *
 * @param id its own
 * @param missionId the mission it belongs to
 * @param status whether it goes on, or how it ended
 * @param summary what came of it; null while it goes on
 * @param categories the categories of its results
 * @param resultCount how many results it has
 * @param logChunkCount how many pieces of log it has
 * @param finishedAt null while it goes on
 * @param createdAt when it was started
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record TestRun(
        UUID id,
        UUID missionId,
        TestRunStatus status,
        @Nullable Summary summary,
        List<String> categories,
        int resultCount,
        int logChunkCount,
        @Nullable Instant finishedAt,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /** What a caller can do with a run that goes on; with one that is finished, nothing. */
    public enum Move {
        REPORT,
        FINISH
    }

    /** What came of a run, by category. */
    public record Summary(List<Tally> categories) {
        /** The same of all categories together, under no name. */
        public Tally total() {
            return categories.stream().reduce(new Tally("", 0, 0, 0, Duration.ZERO), Tally::plus);
        }

        /** A run passed when at least one test did, and none failed. */
        public TestRunStatus status() {
            var total = total();
            return total.passed() > 0 && total.failed() == 0 ? TestRunStatus.PASSED : TestRunStatus.FAILED;
        }
    }

    /** How many tests of a category ended how, and how long they took. */
    public record Tally(String category, long passed, long failed, long skipped, Duration duration) {
        /** How many there are. */
        public long total() {
            return passed + failed + skipped;
        }

        private Tally plus(Tally other) {
            return new Tally(
                    category,
                    passed + other.passed,
                    failed + other.failed,
                    skipped + other.skipped,
                    duration.plus(other.duration));
        }
    }
}
