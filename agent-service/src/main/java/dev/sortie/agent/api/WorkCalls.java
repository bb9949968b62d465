package dev.sortie.agent.api;

import dev.sortie.agent.domain.ClaimedWork;
import dev.sortie.agent.domain.Claiming;
import dev.sortie.agent.domain.Work;
import dev.sortie.agent.domain.WorkOutcome;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;

/** What workers ask for all the time, put together: calls of one kind that meet share a transaction. */
public final class WorkCalls {
    // Of one kind: one at work, the others at their commits.
    private static final int AT_ONCE = 4;
    private static final int MAX_ITEMS = 1_000;
    private static final int CHARACTERS = 4_096; // of a checkpoint that weigh as much as a claim

    private final Combiner<Claiming.ClaimRequest, List<ClaimedWork>> claims;
    private final Combiner<Work.Heartbeat, Work.HeartbeatAnswer> heartbeats;
    private final Combiner<Work.Ends, List<WorkOutcome>> ends;

    public WorkCalls(Database database, MeterRegistry meters, Claiming claiming, Work work) {
        this.claims = new Combiner<>(
                database,
                meters,
                "claim",
                AT_ONCE,
                MAX_ITEMS,
                claim -> Math.max(1, claim.maxOrders()),
                claiming::claim);
        this.heartbeats =
                new Combiner<>(database, meters, "heartbeat", AT_ONCE, MAX_ITEMS, WorkCalls::weight, work::heartbeat);
        this.ends = new Combiner<>(
                database, meters, "end", AT_ONCE, MAX_ITEMS, end -> end.items().size(), work::end);
    }

    /** Also by size: what is written by one transaction stays within a few megabytes. */
    private static int weight(Work.Heartbeat heartbeat) {
        long size = heartbeat.checkpoints().values().stream()
                .mapToLong(String::length)
                .sum();
        return heartbeat.claims().size() + 1 + (int) (size / CHARACTERS);
    }

    Combiner<Claiming.ClaimRequest, List<ClaimedWork>> claims() {
        return claims;
    }

    Combiner<Work.Heartbeat, Work.HeartbeatAnswer> heartbeats() {
        return heartbeats;
    }

    Combiner<Work.Ends, List<WorkOutcome>> ends() {
        return ends;
    }
}
