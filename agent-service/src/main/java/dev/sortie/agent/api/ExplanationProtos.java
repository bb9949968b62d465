package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.timestamp;

import dev.sortie.agent.domain.Explanation;
import dev.sortie.agent.domain.Explanation.Place;
import dev.sortie.agent.domain.WorkOrderStatus;
import dev.sortie.agent.v1.CapabilityReason;
import dev.sortie.agent.v1.CapabilityRequirement;
import dev.sortie.agent.v1.ConcurrencyReason;
import dev.sortie.agent.v1.DeadReason;
import dev.sortie.agent.v1.DelayedReason;
import dev.sortie.agent.v1.DemandReason;
import dev.sortie.agent.v1.EndedReason;
import dev.sortie.agent.v1.LineReason;
import dev.sortie.agent.v1.PausedReason;
import dev.sortie.agent.v1.RateLimitedReason;
import dev.sortie.agent.v1.RunningReason;
import dev.sortie.agent.v1.WorkOrderExplanation;
import dev.sortie.agent.v1.WorkOrderReason;
import dev.sortie.agent.v1.WorkOrderReasonKind;
import dev.sortie.agent.v1.WorkersReason;

/** Why orders are not running, as messages. */
final class ExplanationProtos {
    private ExplanationProtos() {}

    static WorkOrderExplanation toMessage(Explanation explanation) {
        var message = WorkOrderExplanation.newBuilder()
                .setWorkOrder(WorkOrderProtos.toMessage(explanation.order()))
                .setBlocked(explanation.order().status() == WorkOrderStatus.PENDING && explanation.isBlocked())
                .setReadTime(timestamp(explanation.readAt()));
        explanation.reasons().forEach(reason -> message.addReasons(toMessage(reason)));
        return message.build();
    }

    private static WorkOrderReason toMessage(Explanation.Reason reason) {
        var message = WorkOrderReason.newBuilder().setSummary(reason.sentence());
        switch (reason) {
            case Explanation.Paused paused ->
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_QUEUE_PAUSED)
                        .setPaused(toNumbers(paused));
            case Explanation.Delayed delayed ->
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_DELAYED)
                        .setDelayed(DelayedReason.newBuilder()
                                .setRunTime(timestamp(delayed.until()))
                                .setRemaining(duration(delayed.remaining()))
                                .setFailedAttempts(delayed.failures())
                                .setErrorMessage(delayed.errorMessage()));
            case Explanation.RateLimited limited ->
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_RATE_LIMITED)
                        .setRateLimited(RateLimitedReason.newBuilder()
                                .setTokens(limited.tokens())
                                .setNextTokenTime(timestamp(limited.nextToken()))
                                .setOrders(limited.rate().orders())
                                .setInterval(duration(limited.rate().interval())));
            case Explanation.Full full ->
                message.setKind(
                                full.concurrencyKey().isEmpty()
                                        ? WorkOrderReasonKind.WORK_ORDER_REASON_KIND_QUEUE_FULL
                                        : WorkOrderReasonKind.WORK_ORDER_REASON_KIND_KEY_FULL)
                        .setConcurrency(ConcurrencyReason.newBuilder()
                                .setHeld(full.held())
                                .setLimit(full.limit())
                                .setConcurrencyKey(full.concurrencyKey()));
            case Explanation.Workers workers ->
                message.setKind(
                                workers.capable() == 0
                                        ? WorkOrderReasonKind.WORK_ORDER_REASON_KIND_NO_CAPABLE_WORKER
                                        : WorkOrderReasonKind.WORK_ORDER_REASON_KIND_WORKERS_BUSY)
                        .setWorkers(toNumbers(workers));
            case Explanation.NobodyAsks nobody -> {
                var demand = DemandReason.newBuilder();
                if (nobody.lastAt() != null) {
                    demand.setLastAskTime(timestamp(nobody.lastAt()));
                }
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_NOBODY_ASKS)
                        .setDemand(demand);
            }
            case Explanation.TurnOfOthers others ->
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_TURN_OF_OTHERS)
                        .setLine(toNumbers(others.place(), others.fairnessKey()));
            case Explanation.InLine line ->
                message.setKind(
                                line.place().isFirst()
                                        ? WorkOrderReasonKind.WORK_ORDER_REASON_KIND_NEXT
                                        : WorkOrderReasonKind.WORK_ORDER_REASON_KIND_BEHIND_OTHERS)
                        .setLine(toNumbers(line.place(), line.fairnessKey()));
            case Explanation.Running running ->
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_RUNNING)
                        .setRunning(RunningReason.newBuilder()
                                .setWorkerId(running.workerId().toString())
                                .setExecutionId(running.executionId().toString())
                                .setClaimTime(timestamp(running.since()))
                                .setLeaseExpireTime(timestamp(running.leaseExpiresAt()))
                                .setAttemptEndTime(timestamp(running.endsAt()))
                                .setAttempt(running.attempt())
                                .setMaxAttempts(running.maxAttempts()));
            case Explanation.Dead dead ->
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_DEAD)
                        .setDead(DeadReason.newBuilder()
                                .setStatus(WorkOrderProtos.toMessage(dead.status()))
                                .setCompleteTime(timestamp(dead.at()))
                                .setErrorMessage(dead.errorMessage())
                                .setAttempts(dead.attempts())
                                .setMaxAttempts(dead.maxAttempts()));
            case Explanation.Ended ended ->
                message.setKind(WorkOrderReasonKind.WORK_ORDER_REASON_KIND_ENDED)
                        .setEnded(EndedReason.newBuilder()
                                .setStatus(WorkOrderProtos.toMessage(ended.status()))
                                .setCompleteTime(timestamp(ended.at())));
        }
        return message.build();
    }

    private static PausedReason toNumbers(Explanation.Paused paused) {
        var numbers = PausedReason.newBuilder();
        if (paused.since() != null) {
            numbers.setPauseTime(timestamp(paused.since()));
        }
        if (paused.by() != null) {
            numbers.setPausedBy(paused.by());
        }
        return numbers.build();
    }

    private static WorkersReason toNumbers(Explanation.Workers workers) {
        var numbers = WorkersReason.newBuilder()
                .setLive(workers.live())
                .setCapable(workers.capable())
                .setCapableWithRoom(workers.withRoom())
                .setCapableDraining(workers.draining())
                .setCapableInMaintenance(workers.resting());
        workers.skills()
                .forEach(skill -> numbers.addCapabilities(CapabilityReason.newBuilder()
                        .setRequirement(CapabilityRequirement.newBuilder()
                                .setName(skill.name())
                                .setMinLevel(WorkerProtos.toMessage(skill.level())))
                        .setWorkers(skill.workers())));
        return numbers.build();
    }

    private static LineReason toNumbers(Place place, String fairnessKey) {
        return LineReason.newBuilder()
                .setOrdersBefore(place.before())
                .setAtLeast(place.atLeast())
                .setOvertakingOrders(place.overtaking())
                .setOvertakingKeys(place.overtakingKeys())
                .setFairnessKey(fairnessKey)
                .build();
    }
}
