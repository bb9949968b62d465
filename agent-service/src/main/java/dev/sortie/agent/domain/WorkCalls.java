package dev.sortie.agent.domain;

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

    private final Combiner<Fenced<Claiming.ClaimRequest>, List<ClaimedWork>> claims;
    private final Combiner<Fenced<Work.Heartbeat>, Work.HeartbeatAnswer> heartbeats;
    private final Combiner<Fenced<Work.Ends>, List<WorkOutcome>> ends;

    public WorkCalls(Database database, MeterRegistry meters, SessionFence fence) {
        this.claims = new Combiner<>(
                database,
                meters,
                "claim",
                AT_ONCE,
                MAX_ITEMS,
                claim -> Math.max(1, claim.value().maxOrders()),
                fence::claim);
        this.heartbeats = new Combiner<>(
                database,
                meters,
                "heartbeat",
                AT_ONCE,
                MAX_ITEMS,
                heartbeat -> weight(heartbeat.value()),
                fence::heartbeat);
        this.ends = new Combiner<>(
                database,
                meters,
                "end",
                AT_ONCE,
                MAX_ITEMS,
                end -> end.value().items().size(),
                fence::end);
    }

    /** Also by size: what is written by one transaction stays within a few megabytes. */
    private static int weight(Work.Heartbeat heartbeat) {
        long size = heartbeat.checkpoints().values().stream()
                .mapToLong(String::length)
                .sum();
        return heartbeat.claims().size() + 1 + (int) (size / CHARACTERS);
    }

    public Combiner<Fenced<Claiming.ClaimRequest>, List<ClaimedWork>> claims() {
        return claims;
    }

    public Combiner<Fenced<Work.Heartbeat>, Work.HeartbeatAnswer> heartbeats() {
        return heartbeats;
    }

    public Combiner<Fenced<Work.Ends>, List<WorkOutcome>> ends() {
        return ends;
    }
}
