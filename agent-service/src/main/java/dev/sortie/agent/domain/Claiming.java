package dev.sortie.agent.domain;

import dev.sortie.agent.store.CheckpointStore;
import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.LaneStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How orders get into the hands of workers: places in line, and claims in their order. */
public final class Claiming {
    private static final Logger LOG = LoggerFactory.getLogger(Claiming.class);

    // In characters of JSON, which may take five times as much in a message; clients accept 4 MiB unless they say
    // otherwise, and an order has at most one of them.
    private static final int MAX_ANSWER = 512 * 1024;
    private static final int MAX_CLAIMED = 1_000;
    private static final int PROMOTED = 200;

    private final ClaimStore claims;
    private final LaneStore lanes;
    private final CheckpointStore checkpoints;
    private final WorkerStore workers;
    private final WorkSignals signals;
    private final Tallies tallies;
    private final Ids ids;
    private final ClaimTokens tokens;
    // Queues that are known to be claimed from in turn; they stay so.
    private final Set<String> inTurn = ConcurrentHashMap.newKeySet();

    public Claiming(
            ClaimStore claims,
            LaneStore lanes,
            CheckpointStore checkpoints,
            WorkerStore workers,
            WorkSignals signals,
            Tallies tallies,
            Ids ids) {
        this.claims = claims;
        this.lanes = lanes;
        this.checkpoints = checkpoints;
        this.workers = workers;
        this.signals = signals;
        this.tallies = tallies;
        this.ids = ids;
        this.tokens = new ClaimTokens();
    }

    /**
     * What a worker asks for.
     *
     * @param maxOrders 0 means 1
     * @param leaseDuration null for the worker's own
     */
    public record ClaimRequest(
            UUID workerId,
            List<String> queueNames,
            int maxOrders,
            @Nullable Duration leaseDuration) {}

    /**
     * Claims what is there now for several workers, the most urgent first; nothing for those for whom there is nothing.
     * What there is goes round among them, one order at a time, those first who came first.
     */
    public List<Outcome<List<ClaimedWork>>> claim(Tx tx, List<Item<ClaimRequest>> items) {
        var known = new HashMap<UUID, Worker>();
        workers.lockAll(tx, items.stream().map(item -> item.value().workerId()).collect(Collectors.toSet()))
                .forEach(worker -> known.put(worker.id(), worker));
        var room = new HashMap<UUID, Integer>();
        known.values().forEach(worker -> room.put(worker.id(), worker.room()));
        var claimants = new ArrayList<Claimant>();
        for (var item : items) {
            claimants.add(claimant(item, known, room));
        }
        var byQueues = new LinkedHashMap<Set<String>, List<Claimant>>();
        for (var claimant : claimants) {
            if (claimant.most > 0) {
                byQueues.computeIfAbsent(Set.copyOf(claimant.item.value().queueNames()), _ -> new ArrayList<>())
                        .add(claimant);
            }
        }
        var claimed = new ArrayList<ClaimedWork>();
        byQueues.forEach((queueNames, group) -> {
            // Before others of this transaction look at the same queues.
            var taken = claim(tx, queueNames, group);
            if (!taken.isEmpty()) {
                claims.claim(tx, taken);
                claimed.addAll(taken);
            }
        });
        revive(tx, claimants, claimed);
        tx.afterCommit(() -> {
            byQueues.keySet().forEach(queueNames -> tallies.asked(queueNames, tx.now()));
            tallies.claimed(claimed, tx.now());
            claimed.forEach(work -> LOG.atDebug()
                    .addKeyValue("work_order_id", work.order().id())
                    .addKeyValue("worker_id", work.order().workerId())
                    .addKeyValue("execution_id", work.executionId())
                    .addKeyValue("attempt", work.order().attempt())
                    .log("work order claimed"));
        });
        return claimants.stream().map(Claimant::outcome).toList();
    }

    private static Claimant claimant(Item<ClaimRequest> item, Map<UUID, Worker> known, Map<UUID, Integer> room) {
        var request = item.value();
        var worker = known.get(request.workerId());
        if (worker == null || !worker.isRegistered()) {
            return new Claimant(item, null, 0, AgentFailures.workerNotRegistered(request.workerId()));
        }
        if (worker.isDraining()) {
            return new Claimant(item, worker, 0, AgentFailures.workerDraining(worker.id()));
        }
        var agentId = worker.agentId();
        if (agentId != null && worker.agentDeactivatedAt() != null) {
            return new Claimant(item, null, 0, AgentFailures.agentDeactivated(agentId, worker.agentDeactivatedAt()));
        }
        if (agentId != null && worker.agentInMaintenance()) {
            return new Claimant(item, worker, 0, new AgentInMaintenance(agentId));
        }
        int left = room.getOrDefault(worker.id(), 0);
        if (left == 0) {
            return new Claimant(
                    item, worker, 0, AgentFailures.workerAtCapacity(worker.id(), worker.maxConcurrentTasks()));
        }
        int most = Math.min(Math.max(1, request.maxOrders()), left);
        room.put(worker.id(), left - most);
        return new Claimant(item, worker, most, null);
    }

    /** Deals out the most urgent orders of some queues. Those that nobody has room for stay where they are. */
    private List<ClaimedWork> claim(Tx tx, Set<String> queueNames, List<Claimant> group) {
        int wanted = Math.min(group.stream().mapToInt(claimant -> claimant.most).sum(), MAX_CLAIMED);
        claims.promote(tx, queueNames, PROMOTED);
        var plain = queueNames.stream().filter(name -> !inTurn.contains(name)).collect(Collectors.toSet());
        var ready = new ArrayDeque<ClaimStore.Ready>();
        if (!plain.isEmpty()) {
            ready.addAll(claims.lockClaimable(tx, plain, wanted));
        }
        // A queue that nobody here knows to be claimed from in turn has given nothing: alone it leaves room; beside
        // others,
        // which may fill it all, it would never be known.
        var turns = ready.size() < wanted || queueNames.size() > 1 || plain.isEmpty()
                ? lanes.take(tx, queueNames, wanted)
                : List.<Turn>of();
        for (var turn : turns) {
            inTurn.add(turn.queueName());
            // Of a queue that is claimed from in turn since a moment ago, the same orders are found there.
            ready.removeIf(found -> found.order().queueName().equals(turn.queueName()));
        }
        var dealt = deal(tx, group, ready, turns);
        var chosen = chosen(tx, dealt);
        var known = checkpoints(tx, dealt, chosen);
        var taken = new ArrayList<ClaimedWork>();
        for (var share : dealt) {
            var order = share.order(chosen);
            var checkpoint = known.get(share.workOrderId());
            if (order == null || !share.claimant().hasRoomFor(order, checkpoint)) {
                continue; // cancelled this moment, or too much for one answer
            }
            var work = claimed(tx, share.claimant(), order, checkpoint);
            share.claimant().take(work);
            taken.add(work);
            tx.change(change(work), share.claimant().item.principal());
        }
        for (var turn : turns) {
            if (turn.hasTaken()) {
                lanes.write(tx, turn);
            }
            var nextToken = turn.nextToken();
            if (nextToken != null) {
                tx.afterCommit(() -> signals.wakeAt(turn.queueName(), nextToken));
            }
        }
        if (!ready.isEmpty() || taken.size() < dealt.size()) {
            tx.afterCommit(() -> queueNames.forEach(name -> signals.wake(name, 1)));
        }
        return taken;
    }

    /** One order goes to each in turn, the most urgent that it may have, for as long as there are such. */
    private List<Share> deal(Tx tx, List<Claimant> group, ArrayDeque<ClaimStore.Ready> ready, List<Turn> turns) {
        var skills = turns.isEmpty() ? Map.<UUID, Map<String, CapabilityLevel>>of() : skills(tx, group);
        var hungry = new ArrayDeque<>(group);
        var dealt = new ArrayList<Share>();
        var portions = new HashMap<Claimant, Integer>();
        while (!hungry.isEmpty()) {
            var claimant = hungry.remove();
            var worker = Objects.requireNonNull(claimant.worker);
            var best = turns.stream()
                    .flatMap(turn -> turn.peek(skills.getOrDefault(worker.id(), Map.of())).stream())
                    .min(Comparator.comparing(pick -> pick.candidate().rank()));
            var head = ready.peek();
            if (head != null
                    && (best.isEmpty() || !best.get().candidate().rank().isBefore(head.rank()))) {
                dealt.add(new Share(claimant, head.order().id(), ready.remove()));
            } else if (best.isPresent()) {
                var pick = best.get();
                pick.turn().take(pick);
                dealt.add(new Share(claimant, pick.candidate().workOrderId(), null));
            } else {
                continue;
            }
            if (portions.merge(claimant, 1, Integer::sum) < claimant.most) {
                hungry.add(claimant);
            }
        }
        return dealt;
    }

    private Map<UUID, Map<String, CapabilityLevel>> skills(Tx tx, List<Claimant> group) {
        var ids =
                group.stream().map(claimant -> claimant.item.value().workerId()).collect(Collectors.toSet());
        var skills = new HashMap<UUID, Map<String, CapabilityLevel>>();
        workers.capabilities(tx, ids)
                .forEach((id, capabilities) -> skills.put(
                        id, capabilities.stream().collect(Collectors.toMap(Capability::name, Capability::level))));
        return skills;
    }

    private Map<UUID, WorkOrder> chosen(Tx tx, List<Share> dealt) {
        var ids = dealt.stream()
                .filter(share -> share.ready() == null)
                .map(Share::workOrderId)
                .toList();
        var chosen = new HashMap<UUID, WorkOrder>();
        if (!ids.isEmpty()) {
            claims.lockChosen(tx, ids).forEach(found -> chosen.put(found.order().id(), found.order()));
        }
        return chosen;
    }

    /** How far those of the orders have got that were claimed before; by a statement of its own, for they are locked. */
    private Map<UUID, String> checkpoints(Tx tx, List<Share> dealt, Map<UUID, WorkOrder> chosen) {
        var before = dealt.stream()
                .map(share -> share.order(chosen))
                .filter(order -> order != null && order.claimedAt() != null)
                .map(WorkOrder::id)
                .toList();
        return before.isEmpty() ? Map.of() : checkpoints.find(tx, before);
    }

    private ClaimedWork claimed(Tx tx, Claimant claimant, WorkOrder order, @Nullable String checkpoint) {
        var worker = Objects.requireNonNull(claimant.worker);
        var wish = claimant.item.value().leaseDuration();
        var timeoutAt = tx.now().plus(order.timeout());
        var endsAt = order.deadlineAt() == null ? timeoutAt : earlier(timeoutAt, order.deadlineAt());
        return new ClaimedWork(
                order.claimed(worker.id(), tx.now()),
                tokens.next(),
                ids.next(),
                earlier(Work.from(tx.now(), wish == null ? worker.leaseDuration() : wish), endsAt),
                endsAt,
                checkpoint);
    }

    /**
     * An order that one who claims is to get.
     *
     * @param ready null when it is not locked yet
     */
    private record Share(Claimant claimant, UUID workOrderId, ClaimStore.@Nullable Ready ready) {
        /** The order, locked; null when it is no longer to be had. */
        @Nullable
        WorkOrder order(Map<UUID, WorkOrder> chosen) {
            return ready != null ? ready.order() : chosen.get(workOrderId);
        }
    }

    /** Workers that were thought to be gone are there again. */
    private void revive(Tx tx, List<Claimant> claimants, List<ClaimedWork> claimed) {
        var busy = claimed.stream().map(work -> work.order().workerId()).collect(Collectors.toSet());
        var back = new LinkedHashMap<UUID, Claimant>();
        for (var claimant : claimants) {
            var worker = claimant.worker;
            if (worker != null && worker.status() == WorkerStatus.OFFLINE && busy.contains(worker.id())) {
                back.putIfAbsent(worker.id(), claimant);
            }
        }
        if (!back.isEmpty()) {
            workers.revive(tx, back.keySet());
            back.forEach((id, claimant) -> tx.change(
                    Workers.change(id, Objects.requireNonNull(claimant.worker).version() + 1, WorkerStatus.BUSY),
                    claimant.item.principal()));
        }
    }

    /** One who claims, and what it gets. */
    private static final class Claimant {
        private final Item<ClaimRequest> item;
        private final @Nullable Worker worker;
        private final int most;
        private final @Nullable RuntimeException refusal;
        private final List<ClaimedWork> claimed = new ArrayList<>();
        private long size;

        Claimant(Item<ClaimRequest> item, @Nullable Worker worker, int most, @Nullable RuntimeException refusal) {
            this.item = item;
            this.worker = worker;
            this.most = most;
            this.refusal = refusal;
        }

        /** As much as an answer has room for, at least one. */
        boolean hasRoomFor(WorkOrder order, @Nullable String checkpoint) {
            return claimed.isEmpty() || size + size(order.payload()) + size(checkpoint) <= MAX_ANSWER;
        }

        void take(ClaimedWork work) {
            claimed.add(work);
            size += size(work.order().payload()) + size(work.checkpoint());
        }

        Outcome<List<ClaimedWork>> outcome() {
            return refusal == null ? Outcome.of(claimed) : Outcome.refused(refusal);
        }

        private static long size(@Nullable String json) {
            return json == null ? 0 : json.length();
        }
    }

    /** Gives orders of all queues their places in line whose time has come. */
    public int promote(Tx tx, int most) {
        return claims.promoteAll(tx, most);
    }

    /** Forgets lanes in which nothing stands. */
    public void forgetLanes(Tx tx) {
        lanes.forget(tx);
    }

    /** True when a queue is known to be claimed from in turn. */
    boolean isInTurn(String queueName) {
        return inTurn.contains(queueName);
    }

    private static Instant earlier(Instant one, Instant other) {
        return one.isBefore(other) ? one : other;
    }

    private static Change change(ClaimedWork work) {
        var order = work.order();
        return Work.change(order.id(), order.version(), WorkOrderStatus.CLAIMED, order.queueName(), order.subject())
                .with("worker_id", Objects.requireNonNull(order.workerId()))
                .with("execution_id", work.executionId())
                .with("attempt", order.attempt());
    }
}
