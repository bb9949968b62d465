package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.timestamp;

import dev.sortie.agent.domain.Limits;
import dev.sortie.agent.domain.Queue;
import dev.sortie.agent.domain.RetryPolicy;
import dev.sortie.agent.v1.FairnessWeight;
import dev.sortie.agent.v1.PutQueueRequest;
import dev.sortie.agent.v1.RateLimit;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import java.util.HashMap;
import java.util.TreeMap;

/** Queues and retry policies as messages. */
final class QueueProtos {
    private QueueProtos() {}

    static Queue.Draft toDraft(PutQueueRequest request) {
        var queue = request.getQueue();
        return new Queue.Draft(
                queue.getQueueName(),
                queue.getDescription(),
                queue.hasDefaultTimeout() ? duration(queue.getDefaultTimeout()) : Queue.DEFAULT_TIMEOUT,
                toPolicy(queue.getDefaultRetryPolicy()).orElse(RetryPolicy.DEFAULT),
                queue.hasPriorityAging() ? duration(queue.getPriorityAging()) : Queue.DEFAULT_PRIORITY_AGING,
                toLimits(queue),
                queue.getEtag().isEmpty() ? null : queue.getEtag());
    }

    private static Limits toLimits(dev.sortie.agent.v1.Queue queue) {
        var weights = new HashMap<String, Double>();
        for (int i = 0; i < queue.getFairnessWeightsCount(); i++) {
            var weight = queue.getFairnessWeights(i);
            if (weights.put(weight.getFairnessKey(), weight.getWeight()) != null) {
                throw Failure.invalidArgument(
                                ErrorReason.ERROR_REASON_FIELD_INVALID,
                                "queue.fairness_weights[" + i + "].fairness_key",
                                "is there twice (expected: each key once)")
                        .exception();
            }
        }
        var rate = queue.getRateLimit();
        return new Limits(
                queue.getConcurrencyLimit(),
                queue.getConcurrencyLimitPerKey(),
                queue.hasRateLimit()
                        ? new Limits.Rate(
                                rate.getOrders(),
                                duration(rate.getInterval()),
                                rate.getBurst() == 0 ? rate.getOrders() : rate.getBurst())
                        : null,
                weights);
    }

    static RetryPolicy.Wish toPolicy(dev.sortie.type.v1.RetryPolicy policy) {
        return new RetryPolicy.Wish(
                policy.hasMaxRetries() ? policy.getMaxRetries() : null,
                policy.hasInitialBackoff() ? duration(policy.getInitialBackoff()) : null,
                policy.hasMaxBackoff() ? duration(policy.getMaxBackoff()) : null,
                policy.hasBackoffMultiplier() ? policy.getBackoffMultiplier() : null,
                policy.getNonRetryableErrorTypesList().stream().distinct().toList());
    }

    static dev.sortie.agent.v1.Queue toMessage(Queue queue) {
        var limits = queue.limits();
        var message = dev.sortie.agent.v1.Queue.newBuilder()
                .setQueueName(queue.name())
                .setDescription(queue.description())
                .setPaused(queue.paused())
                .setDefaultTimeout(duration(queue.defaultTimeout()))
                .setDefaultRetryPolicy(toMessage(queue.defaultRetryPolicy()))
                .setPriorityAging(duration(queue.priorityAging()))
                .setCreateTime(timestamp(queue.createdAt()))
                .setUpdateTime(timestamp(queue.updatedAt()))
                .setConcurrencyLimit(limits.concurrency())
                .setConcurrencyLimitPerKey(limits.concurrencyPerKey())
                .setEtag(Long.toString(queue.version()));
        var rate = limits.rate();
        if (rate != null) {
            message.setRateLimit(RateLimit.newBuilder()
                    .setOrders(rate.orders())
                    .setInterval(duration(rate.interval()))
                    .setBurst(rate.burst()));
        }
        new TreeMap<>(limits.weights())
                .forEach((key, weight) -> message.addFairnessWeights(
                        FairnessWeight.newBuilder().setFairnessKey(key).setWeight(weight)));
        return message.build();
    }

    static dev.sortie.type.v1.RetryPolicy toMessage(RetryPolicy policy) {
        return dev.sortie.type.v1.RetryPolicy.newBuilder()
                .setMaxRetries(policy.maxRetries())
                .setInitialBackoff(duration(policy.initialBackoff()))
                .setMaxBackoff(duration(policy.maxBackoff()))
                .setBackoffMultiplier(policy.multiplier())
                .addAllNonRetryableErrorTypes(policy.nonRetryableErrorTypes())
                .build();
    }
}
