package dev.sortie.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.EnqueueWorkOrdersRequest;
import dev.sortie.agent.v1.EnqueueWorkOrdersResponse;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkOutcome;
import dev.sortie.runtime.grpc.Messages;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/** What the callers of a race said and were told, and whether the history of all orders agrees with it. */
final class Told {
    /** A type of error for which no order is tried again. */
    static final String FATAL = "Fatal";

    /** The longest wait before another attempt that a worker asks for, or a policy has. */
    static final Duration LONGEST_WAIT = Duration.ofSeconds(10);

    private final AtomicLong ticks = new AtomicLong();
    private final AtomicLong numbers = new AtomicLong();
    private final Map<String, WorkOrder> placed = new ConcurrentHashMap<>();
    private final Map<String, WorkOrder> putBack = new ConcurrentHashMap<>();
    private final Map<String, String> keys = new ConcurrentHashMap<>();
    private final Map<String, String> replaced = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<WorkOrder> stoodIn = new ConcurrentLinkedQueue<>();
    private final Map<String, Worker> workers = new ConcurrentHashMap<>();
    private final Map<String, Long> drained = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<Pause> pauses = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<ClaimedWork> known = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<Claimed> claimed = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<OrderHistory.Assigned> assigned = new ConcurrentLinkedQueue<>();
    private final Map<String, Set<Double>> results = new ConcurrentHashMap<>();
    private final Map<String, Double> accepted = new ConcurrentHashMap<>();
    private final Map<String, Set<String>> completedBy = new ConcurrentHashMap<>();
    private final Set<String> hopeless = ConcurrentHashMap.newKeySet();
    private final Set<String> failed = ConcurrentHashMap.newKeySet();
    private final Set<String> letGo = ConcurrentHashMap.newKeySet();
    private final Set<String> released = ConcurrentHashMap.newKeySet();
    private final Set<String> cancelled = ConcurrentHashMap.newKeySet();

    /** A worker: what it can do, and how many orders it may hold. */
    private record Worker(Set<String> skills, int most) {}

    /** A time during which a queue handed out nothing, by the order in which the test saw things begin and end. */
    private record Pause(String queueName, long from, long until) {}

    /** A call that claimed something, from its first attempt on. */
    private record Claimed(ClaimedWork work, long from, long until) {}

    /** The moment, as the test sees things begin and end. */
    long tick() {
        return ticks.incrementAndGet();
    }

    void placed(EnqueueWorkOrdersRequest request, EnqueueWorkOrdersResponse response) {
        for (int i = 0; i < request.getWorkOrdersCount(); i++) {
            var order = response.getWorkOrders(i);
            var outcome = response.getOutcomes(i);
            if (!outcome.getCreated()) {
                stoodIn.add(request.getWorkOrders(i).toBuilder()
                        .setWorkOrderId(order.getWorkOrderId())
                        .build());
                continue;
            }
            assertThat(placed.put(order.getWorkOrderId(), order)).isNull();
            if (!order.getDedupeKey().isEmpty()) {
                keys.put(order.getWorkOrderId(), key(order));
            }
            if (!outcome.getReplacedWorkOrderId().isEmpty()) {
                replaced.put(order.getWorkOrderId(), outcome.getReplacedWorkOrderId());
            }
        }
    }

    private static String key(WorkOrder order) {
        return order.getQueueName() + " " + order.getDedupeKey();
    }

    void putBack(Collection<WorkOrder> orders) {
        orders.forEach(order -> putBack.put(order.getWorkOrderId() + " " + order.getEtag(), order));
    }

    void cancelled(String id) {
        cancelled.add(id);
    }

    void paused(String queueName, long from) {
        pauses.add(new Pause(queueName, from, tick()));
    }

    void worker(String id, Collection<String> skills, int most) {
        workers.put(id, new Worker(Set.copyOf(skills), most));
    }

    /** The worker was told to leave. */
    void drained(String id) {
        drained.putIfAbsent(id, tick());
    }

    boolean isDrained(String id) {
        return drained.containsKey(id);
    }

    Collection<String> workers() {
        return workers.keySet();
    }

    Collection<String> orders() {
        return placed.keySet();
    }

    /** Whatever was claimed by anybody. */
    Collection<ClaimedWork> known() {
        return known;
    }

    /** A call claimed something: it is in the caller's hands. */
    void claimed(ClaimedWork work, long from) {
        known.add(work);
        claimed.add(new Claimed(work, from, tick()));
    }

    /** A session was assigned something. */
    void assigned(ClaimedWork work, String workerId, long epoch) {
        assigned.add(new OrderHistory.Assigned(work.getExecutionId(), workerId, epoch));
    }

    /** It is in the worker's hands, who names it when it attaches again. */
    void inHand(ClaimedWork work) {
        known.add(work);
    }

    /** A number that nobody else hands in. */
    double number() {
        return numbers.incrementAndGet();
    }

    /** The number is handed in as the result of an order. */
    void completes(ClaimedWork work, double number) {
        results.computeIfAbsent(work.getWorkOrder().getWorkOrderId(), _ -> ConcurrentHashMap.newKeySet())
                .add(number);
    }

    void completed(ClaimedWork work, double number, WorkOutcome outcome) {
        if (outcome.hasError()) {
            return;
        }
        var id = work.getWorkOrder().getWorkOrderId();
        completedBy.computeIfAbsent(id, _ -> ConcurrentHashMap.newKeySet()).add(work.getClaimToken());
        if (!outcome.getReplayed()) {
            assertThat(accepted.putIfAbsent(id, number))
                    .as("an earlier result of order %s", id)
                    .isNull();
        }
    }

    void fails(WorkFailure failure, ClaimedWork work) {
        if (failure.getNonRetryable()) {
            hopeless.add(work.getExecutionId());
        }
    }

    void failed(WorkFailure failure, ClaimedWork work, WorkOutcome outcome) {
        if (outcome.hasError()) {
            return;
        }
        failed.add(work.getExecutionId());
        if (!outcome.getReplayed()
                && (failure.getNonRetryable() || failure.getErrorType().equals(FATAL))) {
            assertThat(outcome.getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);
        }
        var order = work.getWorkOrder();
        if (outcome.hasRunTime() && order.hasDeadlineTime() && !outcome.getReplayed()) {
            assertThat(Messages.instant(outcome.getRunTime())).isBefore(Messages.instant(order.getDeadlineTime()));
        }
    }

    /** It may be given back from here on: its worker releases it, or knows of it no more. */
    void letsGo(ClaimedWork work) {
        letGo.add(work.getExecutionId());
    }

    void released(ClaimedWork work, WorkOutcome outcome) {
        if (!outcome.hasError()) {
            released.add(work.getExecutionId());
        }
    }

    /** Compares all of it with what the database has, and has had. */
    void check(OrderHistory history, Replicas replicas) {
        history.checkMoves();
        assertThat(history.orders().keySet()).isEqualTo(placed.keySet());
        assertThat(history.orders().values()).noneMatch(OrderHistory.Order::isOpen);
        history.checkKeys(keys, replaced);
        checkThoseThatStoodIn();
        history.checkTimes(placed, putBack, hopeless, LONGEST_WAIT);
        history.checkDrained();
        history.checkFenced(assigned);
        history.checkHeld(
                "worker", claim -> claim.event().workerId(), id -> workers.containsKey(id) ? workers.get(id).most : 0);
        claimed.forEach(this::checkClaim);
        history.orders()
                .values()
                .forEach(order -> checkEnd(order, replicas.get(1).get(order.id())));
        checkAttempts(history);
    }

    /** An order that stood for another one had its key. */
    private void checkThoseThatStoodIn() {
        for (var order : stoodIn) {
            assertThat(keys.get(order.getWorkOrderId())).isEqualTo(key(order));
        }
    }

    private void checkClaim(Claimed claim) {
        var order = claim.work.getWorkOrder();
        assertThat(workers.get(order.getWorkerId()).skills)
                .as("what the worker of %s can do", order)
                .containsAll(order.getRequiredCapabilitiesList().stream()
                        .map(CapabilityRequirement::getName)
                        .toList());
        assertThat(claim.from)
                .as("claimed by one who had been told to leave: %s", order)
                .isLessThan(drained.getOrDefault(order.getWorkerId(), Long.MAX_VALUE));
        for (var pause : pauses) {
            assertThat(pause.queueName.equals(order.getQueueName())
                            && claim.from > pause.from
                            && claim.until < pause.until)
                    .as("claimed while its queue was paused: %s", order)
                    .isFalse();
        }
    }

    private void checkEnd(OrderHistory.Order order, WorkOrder shown) {
        assertThat(shown.getStatus()).isEqualTo(WorkOrderStatus.valueOf("WORK_ORDER_STATUS_" + order.status()));
        var by = completedBy.getOrDefault(order.id(), Set.of());
        assertThat(by).as("claims by which %s was completed", order).hasSizeLessThan(2);
        if (order.status().equals("COMPLETED")) {
            var result = shown.getResult().getFieldsOrThrow("n").getNumberValue();
            assertThat(results.get(order.id())).contains(result);
            assertThat(accepted.getOrDefault(order.id(), result))
                    .as("the accepted result of %s", order)
                    .isEqualTo(result);
        } else {
            assertThat(by).as("claims by which %s was completed", order).isEmpty();
        }
    }

    private void checkAttempts(OrderHistory history) {
        for (var id : cancelled) {
            assertThat(history.orders().get(id).status()).isEqualTo("CANCELLED");
        }
        for (var id : failed) {
            assertThat(history.attempts().get(id).status()).isEqualTo("FAILED");
        }
        for (var id : released) {
            assertThat(history.attempts().get(id).givenBack()).isTrue();
        }
        // What nobody was told of was not completed by anybody: each such attempt is one of those above.
        var completed = history.attempts().values().stream()
                .filter(attempt -> attempt.status().equals("COMPLETED"))
                .toList();
        assertThat(completed).hasSameSizeAs(completedBy.keySet());
        // And what a worker has in hand is given back by nobody else.
        var inHand = known.stream().map(ClaimedWork::getExecutionId).collect(Collectors.toSet());
        assertThat(history.attempts().values().stream()
                        .filter(attempt -> attempt.givenBack()
                                && inHand.contains(attempt.executionId())
                                && !letGo.contains(attempt.executionId())))
                .as("given back, though their workers had them in hand")
                .isEmpty();
    }
}
