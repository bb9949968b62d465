package dev.sortie.agent.domain;

import dev.sortie.agent.domain.Explanation.Reason;
import dev.sortie.agent.store.ActivityStore;
import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.ExplanationStore;
import dev.sortie.agent.store.LaneStore;
import dev.sortie.agent.store.WorkOrderStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Isolation;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Says why orders are not running. Everything is read at one moment, and no further than its cost allows. */
public final class Explanations {
    private static final Duration LATELY = Duration.ofMinutes(1);
    private static final int PROMOTED = 500;
    private static final int MOST_WORKERS = 2_000;
    private static final int MOST_IN_LANES = 5_000;

    private final Database database;
    private final WorkOrderStore orders;
    private final ExplanationStore explanations;
    private final ClaimStore claims;
    private final LaneStore lanes;
    private final WorkerStore workers;
    private final ActivityStore activities;
    private final QueueStatistics statistics;
    private final WorkSignals signals;

    public Explanations(
            Database database,
            WorkOrderStore orders,
            ExplanationStore explanations,
            ClaimStore claims,
            LaneStore lanes,
            WorkerStore workers,
            ActivityStore activities,
            QueueStatistics statistics,
            WorkSignals signals) {
        this.database = database;
        this.orders = orders;
        this.explanations = explanations;
        this.claims = claims;
        this.lanes = lanes;
        this.workers = workers;
        this.activities = activities;
        this.statistics = statistics;
        this.signals = signals;
    }

    /**
     * What is known of an order beside itself.
     *
     * @param executionId of the attempt that runs; null when none does, as the two times
     * @param rank its place in line; null while it has none
     * @param forgivenRetries how many of its retries were before it was last put back
     * @param paused whether its queue is
     * @param pausedAt null when it is not, or when that is not known
     * @param inTurn whether its queue is claimed from in turn
     */
    public record Standing(
            @Nullable UUID executionId,
            @Nullable Instant leaseExpiresAt,
            @Nullable Instant endsAt,
            @Nullable Instant rank,
            int forgivenRetries,
            boolean paused,
            @Nullable Instant pausedAt,
            @Nullable String pausedBy,
            boolean inTurn,
            Duration priorityAging) {}

    /** Why an order is not running. */
    public Explanation explain(Principal caller, UUID id) {
        var queueName = database.transaction(tx -> {
            var order = find(tx, id);
            // What the next claim would do first, so that the line is as it will see it.
            claims.promote(tx, List.of(order.queueName()), PROMOTED);
            return order.queueName();
        });
        statistics.write();
        return database.transaction(caller, Isolation.SNAPSHOT, tx -> explain(tx, id, queueName));
    }

    private Explanation explain(Tx tx, UUID id, String queueName) {
        var order = find(tx, id);
        var standing = explanations.find(tx, id).orElseThrow(() -> AgentFailures.notFound("work_order", id));
        var reasons = switch (order.status()) {
            case PENDING -> pending(tx, order, standing, queueName);
            case CLAIMED -> List.<Reason>of(running(order, standing));
            case FAILED, EXPIRED -> List.<Reason>of(dead(order, standing));
            case COMPLETED, CANCELLED ->
                List.<Reason>of(new Explanation.Ended(order.status(), Objects.requireNonNull(order.completedAt())));
        };
        return new Explanation(order, List.copyOf(reasons), tx.now());
    }

    private static Reason running(WorkOrder order, Standing standing) {
        return new Explanation.Running(
                Objects.requireNonNull(order.workerId()),
                Objects.requireNonNull(standing.executionId),
                Objects.requireNonNull(order.claimedAt()),
                Objects.requireNonNull(standing.leaseExpiresAt),
                Objects.requireNonNull(standing.endsAt),
                order.attempt() - standing.forgivenRetries,
                order.retryPolicy().maxRetries() + 1);
    }

    private static Reason dead(WorkOrder order, Standing standing) {
        int retries = order.retryCount() - standing.forgivenRetries;
        return new Explanation.Dead(
                order.status(),
                Objects.requireNonNull(order.completedAt()),
                order.errorMessage(),
                order.status() == WorkOrderStatus.FAILED ? retries + 1 : retries,
                order.retryPolicy().maxRetries() + 1);
    }

    private List<Reason> pending(Tx tx, WorkOrder order, Standing standing, String queueName) {
        var reasons = new ArrayList<Reason>();
        if (standing.paused) {
            reasons.add(new Explanation.Paused(queueName, standing.pausedAt, standing.pausedBy));
        }
        boolean due = !order.runAt().isAfter(tx.now());
        if (!due) {
            reasons.add(new Explanation.Delayed(
                    order.runAt(),
                    Duration.between(tx.now(), order.runAt()),
                    order.retryCount() - standing.forgivenRetries,
                    order.errorMessage()));
        }
        var lineup = standing.inTurn ? lanes.look(tx, queueName, MOST_IN_LANES) : Optional.<Lineup>empty();
        lineup.ifPresent(found -> reasons.addAll(limits(found, order, tx.now())));
        var crew = crew(tx);
        crew.lack(order.lane()).ifPresent(reasons::add);
        nobodyAsks(tx, queueName).ifPresent(reasons::add);
        if (due) {
            var rank = standing.rank != null
                    ? standing.rank
                    : order.runAt().plus(standing.priorityAging.multipliedBy(order.priority() - 1L));
            var candidate = new Turn.Candidate(order.id(), rank);
            var place = lineup.map(found -> found.place(order.lane(), candidate, crew::canDo, tx.now()))
                    .orElseGet(() -> explanations.place(tx, queueName, candidate));
            if (place.overtaking() > 0) {
                reasons.add(new Explanation.TurnOfOthers(place, order.lane().fairnessKey()));
            }
            reasons.add(new Explanation.InLine(place, order.lane().fairnessKey()));
        }
        return reasons;
    }

    private static List<Reason> limits(Lineup lineup, WorkOrder order, Instant now) {
        var reasons = new ArrayList<Reason>();
        var limits = lineup.state().limits();
        var turn = lineup.turn(now);
        var nextToken = turn.nextToken();
        var tokens = turn.tokens();
        var rate = limits.rate();
        if (rate != null && nextToken != null && tokens != null) {
            reasons.add(new Explanation.RateLimited(rate, tokens, nextToken));
        }
        if (limits.concurrency() > 0 && lineup.held() >= limits.concurrency()) {
            reasons.add(new Explanation.Full("", lineup.held(), limits.concurrency()));
        }
        var key = order.lane().concurrencyKey();
        if (limits.concurrencyPerKey() > 0 && !key.isEmpty() && lineup.held(key) >= limits.concurrencyPerKey()) {
            reasons.add(new Explanation.Full(key, lineup.held(key), limits.concurrencyPerKey()));
        }
        return reasons;
    }

    private Optional<Reason> nobodyAsks(Tx tx, String queueName) {
        if (signals.waiting(queueName) > 0) {
            return Optional.empty();
        }
        var last = activities.lastAsked(tx, queueName);
        boolean lately = last != null && last.plus(Tallies.SLOT).plus(LATELY).isAfter(tx.now());
        return lately ? Optional.empty() : Optional.of(new Explanation.NobodyAsks(queueName, last));
    }

    private Crew crew(Tx tx) {
        // Those of an agent that is deactivated are there, but for no work.
        var live = workers.live(tx, MOST_WORKERS).stream()
                .filter(worker -> worker.agentDeactivatedAt() == null)
                .toList();
        if (live.isEmpty()) {
            return new Crew(List.of());
        }
        var known = workers.capabilities(tx, live.stream().map(Worker::id).toList());
        return new Crew(live.stream()
                .map(worker -> new Member(
                        known.getOrDefault(worker.id(), List.of()).stream()
                                .collect(Collectors.toMap(Capability::name, Capability::level)),
                        worker.room() > 0 && !worker.isDraining() && !worker.agentInMaintenance(),
                        worker.isDraining(),
                        !worker.isDraining() && worker.agentInMaintenance()))
                .toList());
    }

    /** A worker that is there. */
    private record Member(Map<String, CapabilityLevel> skills, boolean hasRoom, boolean isDraining, boolean isResting) {
        boolean getsMore() {
            return !isDraining && !isResting;
        }
    }

    /** The workers that are there. */
    private record Crew(List<Member> members) {
        /** While nobody is there, the line is as one will see it who can do everything. */
        boolean canDo(Lane lane) {
            return members.isEmpty()
                    || members.stream().anyMatch(member -> member.getsMore() && lane.admits(member.skills));
        }

        /** What is wanting for the orders of a lane, if anything is. */
        Optional<Reason> lack(Lane lane) {
            var capable = members.stream()
                    .filter(member -> lane.admits(member.skills))
                    .toList();
            int withRoom = (int) capable.stream().filter(Member::hasRoom).count();
            if (withRoom > 0) {
                return Optional.empty();
            }
            var skills = lane.requirements().entrySet().stream()
                    .map(required -> new Explanation.Skill(
                            required.getKey(), required.getValue(), having(required.getKey(), required.getValue())))
                    .toList();
            return Optional.of(new Explanation.Workers(
                    members.size(),
                    capable.size(),
                    withRoom,
                    (int) capable.stream().filter(Member::isDraining).count(),
                    (int) capable.stream().filter(Member::isResting).count(),
                    skills));
        }

        private int having(String name, CapabilityLevel least) {
            return (int) members.stream()
                    .map(member -> member.skills.get(name))
                    .filter(level -> level != null && level.compareTo(least) >= 0)
                    .count();
        }
    }

    private WorkOrder find(Tx tx, UUID id) {
        return orders.findAll(tx, List.of(id)).stream()
                .findFirst()
                .orElseThrow(() -> AgentFailures.notFound("work_order", id));
    }
}
