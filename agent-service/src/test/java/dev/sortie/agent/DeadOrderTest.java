package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.order;
import static dev.sortie.agent.AgentFixture.reference;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.RedriveWorkOrdersRequest;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkOrder;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Orders that are dead: how they are found, and put back. */
class DeadOrderTest {
    private static final SettableClock CLOCK = AgentFixture.clock();

    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(CLOCK);

    private final String queue = "dead-" + UUID.randomUUID().toString().substring(0, 8);
    private final String other = queue + ".b";

    /** In the order of their deaths, a second apart: not that in which they were placed. */
    private final List<String> dead = new ArrayList<>();

    private Timestamp begin = Timestamp.getDefaultInstance();

    @BeforeEach
    void sixDie() {
        var expires = Messages.timestamp(CLOCK.instant().plusSeconds(3));
        var third = AGENT.enqueue(order(queue).setExpireTime(expires).setPriority(5));
        var orders = new ArrayList<WorkOrder>();
        for (int i = 0; i < 5; i++) {
            CLOCK.advance(Duration.ofMillis(1)); // their ids tell when they were placed
            orders.add(AGENT.enqueue(order(i == 4 ? other : queue).setPriority(5 - Math.min(i, 3))));
        }
        AGENT.enqueue(order(queue).setRunTime(Messages.timestamp(CLOCK.instant().plus(Duration.ofDays(9)))));
        begin = Messages.timestamp(CLOCK.instant());
        fails(orders.get(3), "Timeout"); // at 0 s
        CLOCK.advance(Duration.ofSeconds(1));
        fails(orders.get(2), "Broken"); // at 1 s
        CLOCK.advance(Duration.ofSeconds(2));
        AGENT.expireOrders(); // at 3 s
        dead.add(third.getWorkOrderId());
        CLOCK.advance(Duration.ofSeconds(1));
        fails(orders.get(1), ""); // at 4 s
        CLOCK.advance(Duration.ofSeconds(1));
        fails(orders.get(0), "Timeout"); // at 5 s
        CLOCK.advance(Duration.ofSeconds(1));
        fails(orders.get(4), "Timeout"); // at 6 s
    }

    @Test
    void areListedByEachFilterTheLastFirst() {
        assertThat(list(ofQueue())).containsExactly(at(4), at(3), at(2), at(1), at(0));
        assertThat(list(ofQueue().setStatus(WorkOrderStatus.WORK_ORDER_STATUS_FAILED)))
                .containsExactly(at(4), at(3), at(1), at(0));
        assertThat(list(ofQueue().setStatus(WorkOrderStatus.WORK_ORDER_STATUS_EXPIRED)))
                .containsExactly(at(2));
        assertThat(list(ofQueue().setErrorType("Timeout"))).containsExactly(at(4), at(0));
        assertThat(list(ofQueue().setErrorType("timeout"))).isEmpty();
        assertThat(list(ofQueue().setDiedSinceTime(in(1)).setDiedBeforeTime(in(4))))
                .containsExactly(at(2), at(1));
        assertThat(list(ofQueue().setErrorType("Timeout").setDiedSinceTime(in(1))))
                .containsExactly(at(4));
        assertThat(list(ofQueue().setErrorType("Timeout").setDiedBeforeTime(in(0))))
                .isEmpty();
        // Of all queues together.
        assertThat(list(ListWorkOrdersRequest.newBuilder()
                        .setDeadOnly(true)
                        .setErrorType("Timeout")
                        .setDiedSinceTime(begin)))
                .containsExactly(at(5), at(4), at(0));
        assertThat(list(ListWorkOrdersRequest.newBuilder().setDeadOnly(true).setDiedSinceTime(in(4))))
                .containsExactly(at(5), at(4), at(3));
    }

    @Test
    void areListedPageByPage() {
        for (var request : List.of(
                ofQueue(), ListWorkOrdersRequest.newBuilder().setDeadOnly(true).setDiedSinceTime(begin))) {
            var whole = list(request.clone());
            var listed = new ArrayList<String>();
            request.setPageSize(2);
            do {
                var page = AGENT.orders().listWorkOrders(request.build());
                page.getWorkOrdersList().forEach(order -> listed.add(order.getWorkOrderId()));
                request.setPageToken(page.getNextPageToken());
            } while (!request.getPageToken().isEmpty());
            assertThat(listed).isEqualTo(whole).hasSizeGreaterThan(4);
        }
    }

    @Test
    void tellsWhichFiltersDoNotGoTogether() {
        var id = UUID.randomUUID().toString();
        StatusAssert.fails(() -> list(ListWorkOrdersRequest.newBuilder()
                        .setErrorType("Timeout")
                        .setDiedSinceTime(begin)
                        .setDiedBeforeTime(begin)))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("error_type")
                .field("died_since_time")
                .field("died_before_time");
        StatusAssert.fails(() -> list(ofQueue()
                        .setToolStepId(id)
                        .addWorkOrderIds(id)
                        .setStatus(WorkOrderStatus.WORK_ORDER_STATUS_PENDING)))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("tool_step_id")
                .field("work_order_ids")
                .field("status");
        StatusAssert.fails(() -> list(ofQueue().setTaskId(id)))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("task_id");
        StatusAssert.fails(() -> list(ofQueue().setErrorType("x".repeat(101))))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("error_type");
        StatusAssert.fails(() ->
                        list(ofQueue().setDiedSinceTime(Timestamp.newBuilder().setSeconds(Long.MAX_VALUE / 100))))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("died_since_time");
        StatusAssert.fails(() -> redrive(redriveOf().setErrorType("x".repeat(101))))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("error_type");
        StatusAssert.fails(() -> redrive(
                        redriveOf().setDiedBeforeTime(Timestamp.newBuilder().setSeconds(Long.MAX_VALUE / 100))))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("died_before_time");
    }

    @Test
    void arePutBackByEachFilterTheFirstFirst() {
        assertThat(redrive(redriveOf().setErrorType("Timeout").setDiedBeforeTime(in(5))))
                .containsExactly(at(0));
        assertThat(redrive(redriveOf().setErrorType("Timeout").setDiedBeforeTime(in(5))))
                .isEmpty();
        assertThat(redrive(redriveOf()
                        .setDiedSinceTime(in(1))
                        .setDiedBeforeTime(in(5))
                        .setMaxOrders(2)
                        .setOrdersPerSecond(1)))
                .containsExactly(at(1), at(2));
        assertThat(Messages.instant(AGENT.get(at(2)).getRunTime()))
                .isEqualTo(CLOCK.instant().plusSeconds(1));
        assertThat(redrive(redriveOf()
                        .addWorkOrderIds(at(4))
                        .addWorkOrderIds(at(3))
                        .addWorkOrderIds(at(5))
                        .setErrorType("Timeout")))
                .containsExactly(at(4));
        assertThat(redrive(redriveOf())).containsExactly(at(3));
        assertThat(list(ofQueue())).isEmpty();
        assertThat(AGENT.get(at(5)).getStatus()).isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_FAILED);
    }

    private void fails(WorkOrder placed, String errorType) {
        var claimed = AGENT.claimOne(AGENT.register(1), placed.getQueueName());
        assertThat(claimed.getWorkOrder().getWorkOrderId()).isEqualTo(placed.getWorkOrderId());
        AGENT.fail(WorkFailure.newBuilder()
                .setClaim(reference(claimed))
                .setErrorMessage("it broke")
                .setErrorType(errorType)
                .setNonRetryable(true));
        dead.add(placed.getWorkOrderId());
    }

    private String at(int position) {
        return dead.get(position);
    }

    /** Some seconds after the first death. */
    private Timestamp in(long seconds) {
        return Messages.timestamp(Messages.instant(begin).plusSeconds(seconds));
    }

    private ListWorkOrdersRequest.Builder ofQueue() {
        return ListWorkOrdersRequest.newBuilder().setQueueName(queue).setDeadOnly(true);
    }

    private RedriveWorkOrdersRequest.Builder redriveOf() {
        return RedriveWorkOrdersRequest.newBuilder().setQueueName(queue);
    }

    private static List<String> list(ListWorkOrdersRequest.Builder request) {
        return AGENT.orders().listWorkOrders(request.build()).getWorkOrdersList().stream()
                .map(WorkOrder::getWorkOrderId)
                .toList();
    }

    private static List<String> redrive(RedriveWorkOrdersRequest.Builder request) {
        return AGENT.orders().redriveWorkOrders(request.build()).getWorkOrdersList().stream()
                .map(WorkOrder::getWorkOrderId)
                .toList();
    }
}
