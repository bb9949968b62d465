package dev.sortie.agent.api;

import dev.sortie.agent.domain.Scaling;
import dev.sortie.agent.domain.Scaling.Trigger;
import dev.sortie.externalscaler.v1.GetMetricSpecResponse;
import dev.sortie.externalscaler.v1.GetMetricsRequest;
import dev.sortie.externalscaler.v1.GetMetricsResponse;
import dev.sortie.externalscaler.v1.IsActiveResponse;
import dev.sortie.externalscaler.v1.MetricSpec;
import dev.sortie.externalscaler.v1.MetricValue;
import dev.sortie.externalscaler.v1.ScaledObjectRef;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.type.v1.ErrorReason;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What triggers of KEDA say, and what it is answered. */
final class ScalerProtos {
    private static final String BACKLOG = "sortie-backlog";
    private static final String OLDEST_AGE = "sortie-oldest-age";
    private static final int MAX_QUEUES = 20;
    private static final Pattern QUEUE_NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,49}");
    // What KEDA means by a number: no sign, no exponent, no infinity.
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,12}(\\.[0-9]{1,6})?");

    private ScalerProtos() {}

    /** A trigger that asks for a metric of its own. */
    record Question(Trigger trigger, String metric) {}

    static Trigger toTrigger(ScaledObjectRef reference) {
        return toTrigger(reference.getScalerMetadataMap(), "scalerMetadata.");
    }

    private static Trigger toTrigger(Map<String, String> said, String prefix) {
        var trigger = new Trigger(
                queueNames(said, prefix),
                number(said, prefix, "targetBacklog", true),
                number(said, prefix, "targetOldestAge", true),
                zeroIfNull(number(said, prefix, "activationBacklog", false)));
        if (trigger.targetBacklog() == null && trigger.targetOldestAge() == null) {
            throw wrong(prefix + "targetBacklog", "is missing, and so is targetOldestAge (expected: one of them)");
        }
        return trigger;
    }

    private static List<String> queueNames(Map<String, String> said, String prefix) {
        var names = Arrays.stream(said.getOrDefault("queueName", "").split(",", -1))
                .map(String::strip)
                .distinct()
                .toList();
        if (names.size() > MAX_QUEUES
                || !names.stream().allMatch(name -> QUEUE_NAME.matcher(name).matches())) {
            throw wrong(
                    prefix + "queueName",
                    "is missing or wrong (expected: 1 to 20 names of queues, with commas between)");
        }
        return names;
    }

    private static @Nullable Double number(Map<String, String> said, String prefix, String key, boolean positive) {
        var text = said.getOrDefault(key, "").strip();
        if (text.isEmpty()) {
            return null;
        }
        if (!NUMBER.matcher(text).matches() || (positive && Double.parseDouble(text) == 0)) {
            throw wrong(prefix + key, "is not a number (expected: " + (positive ? "> 0" : ">= 0") + ", such as 2.5)");
        }
        return Double.valueOf(text);
    }

    private static double zeroIfNull(@Nullable Double number) {
        return number == null ? 0 : number;
    }

    static Question toQuestion(GetMetricsRequest request) {
        var trigger = toTrigger(request.getScaledObjectRef().getScalerMetadataMap(), "scaledObjectRef.scalerMetadata.");
        var metric = request.getMetricName();
        if (!metric.equals(BACKLOG) && !metric.equals(OLDEST_AGE)) {
            throw wrong("metricName", "is unknown (expected: " + BACKLOG + " or " + OLDEST_AGE + ")");
        }
        return new Question(trigger, metric);
    }

    static GetMetricSpecResponse toSpecs(Trigger trigger) {
        var response = GetMetricSpecResponse.newBuilder();
        if (trigger.targetBacklog() != null) {
            response.addMetricSpecs(spec(BACKLOG, trigger.targetBacklog()));
        }
        if (trigger.targetOldestAge() != null) {
            response.addMetricSpecs(spec(OLDEST_AGE, trigger.targetOldestAge()));
        }
        return response.build();
    }

    private static MetricSpec spec(String name, double target) {
        return MetricSpec.newBuilder()
                .setMetricName(name)
                .setTargetSize(Math.max(1, Math.round(target)))
                .setTargetSizeFloat(target)
                .build();
    }

    static GetMetricsResponse toResponse(String metric, Scaling.Load load) {
        double value =
                metric.equals(BACKLOG) ? load.backlog() : load.oldestAge().toMillis() / 1000.0;
        return GetMetricsResponse.newBuilder()
                .addMetricValues(MetricValue.newBuilder()
                        .setMetricName(metric)
                        .setMetricValue(Math.round(value))
                        .setMetricValueFloat(value))
                .build();
    }

    static IsActiveResponse toResponse(boolean active) {
        return IsActiveResponse.newBuilder().setResult(active).build();
    }

    private static FailureException wrong(String field, String what) {
        return Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, field, "%s", what)
                .exception();
    }
}
