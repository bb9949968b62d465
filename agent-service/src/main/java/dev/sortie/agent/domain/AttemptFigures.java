package dev.sortie.agent.domain;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.UUID;

/**
 * What attempts that a worker began on one day add to the figures of its agent, if it has one.
 *
 * @param executionId one of the attempts
 * @param day when they began, in UTC
 * @param responseMicros how long those took that the worker ended itself, all together
 */
public record AttemptFigures(
        UUID workerId, UUID executionId, LocalDate day, int completed, int failed, int timedOut, long responseMicros) {

    /** The figures of attempts that end now; those that were given back or cancelled count for nobody. */
    static List<AttemptFigures> of(Collection<HeldClaim.End> ends, Instant now) {
        record Key(UUID workerId, LocalDate day) {}
        var figures = new LinkedHashMap<Key, AttemptFigures>();
        for (var end : ends) {
            if (end.execution() == ExecutionStatus.CANCELLED) {
                continue;
            }
            var claim = end.claim();
            var day = LocalDate.ofInstant(claim.claimedAt(), ZoneOffset.UTC);
            figures.merge(
                    new Key(claim.workerId(), day),
                    new AttemptFigures(
                            claim.workerId(),
                            claim.executionId(),
                            day,
                            count(end, ExecutionStatus.COMPLETED),
                            count(end, ExecutionStatus.FAILED),
                            count(end, ExecutionStatus.TIMEOUT),
                            end.execution() == ExecutionStatus.TIMEOUT
                                    ? 0
                                    : Math.max(0, ChronoUnit.MICROS.between(claim.claimedAt(), now))),
                    AttemptFigures::plus);
        }
        return List.copyOf(figures.values());
    }

    private static int count(HeldClaim.End end, ExecutionStatus status) {
        return end.execution() == status ? 1 : 0;
    }

    private AttemptFigures plus(AttemptFigures other) {
        return new AttemptFigures(
                workerId,
                executionId,
                day,
                completed + other.completed,
                failed + other.failed,
                timedOut + other.timedOut,
                responseMicros + other.responseMicros);
    }
}
