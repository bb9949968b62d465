package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A step as stored: one use of a tool within a hop.
 *
 * @param id its own
 * @param hopId the hop it is part of
 * @param missionId the mission of the hop
 * @param fields what callers set
 * @param sequenceOrder its place in the hop: 0, 1, 2 …
 * @param state where it stands
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record ToolStep(
        UUID id,
        UUID hopId,
        UUID missionId,
        Fields fields,
        int sequenceOrder,
        State state,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set.
     *
     * @param toolId may name a tool that is not there yet
     * @param name 1 to 255 characters
     * @param parameterMapping where each parameter comes from, by its name
     * @param resultMapping where each field of the result goes, by its name
     * @param resourceConfigs a JSON object as text: the values of {@link ParameterMapping.ConfigValue}
     * @param pauseBefore whether a run stops before it
     */
    public record Fields(
            String toolId,
            String name,
            String description,
            Map<String, ParameterMapping> parameterMapping,
            Map<String, ResultMapping> resultMapping,
            String resourceConfigs,
            boolean pauseBefore) {

        /** The assets that the step reads, in the order in which assets are locked. */
        public Set<UUID> inputs() {
            var inputs = new TreeSet<UUID>();
            for (var mapping : parameterMapping.values()) {
                if (mapping instanceof ParameterMapping.AssetField asset) {
                    inputs.add(asset.assetId());
                }
            }
            return inputs;
        }

        /** The assets that the step's result fills, in the order in which assets are locked. */
        public Set<UUID> outputs() {
            var outputs = new TreeSet<UUID>();
            for (var mapping : resultMapping.values()) {
                if (mapping instanceof ResultMapping.AssetField asset) {
                    outputs.add(asset.assetId());
                }
            }
            return outputs;
        }
    }

    /**
     * Where a step stands.
     *
     * @param validationErrors as of the last validation; any of them keeps the step from being executed
     * @param executionResult the JSON object that the last accepted execution gave, as text; null before, and in lists
     * @param errorMessage why the last execution failed; empty otherwise
     * @param attempt how often the step has been executed
     * @param workOrderId the order of the current execution; null until agent-service is known to have it
     * @param stoppedRun what ran by itself until the step failed
     * @param startedAt when the current execution began
     * @param completedAt when the step was completed, failed or cancelled
     */
    public record State(
            ToolStepStatus status,
            List<ValidationError> validationErrors,
            @Nullable String executionResult,
            String errorMessage,
            int attempt,
            @Nullable UUID workOrderId,
            StoppedRun stoppedRun,
            @Nullable Instant startedAt,
            @Nullable Instant completedAt) {

        /** Not begun. */
        static State initial(List<ValidationError> validationErrors) {
            return new State(ToolStepStatus.PENDING, validationErrors, null, "", 0, null, StoppedRun.NONE, null, null);
        }

        State withErrors(List<ValidationError> errors) {
            return new State(
                    status,
                    errors,
                    executionResult,
                    errorMessage,
                    attempt,
                    workOrderId,
                    stoppedRun,
                    startedAt,
                    completedAt);
        }

        /** At work, one attempt further. The result of an earlier one stays until there is a new one. */
        State begun(Instant now) {
            return new State(
                    ToolStepStatus.RUNNING,
                    List.of(),
                    executionResult,
                    "",
                    attempt + 1,
                    null,
                    StoppedRun.NONE,
                    now,
                    null);
        }

        State completed(String result, UUID order, Instant now) {
            return new State(
                    ToolStepStatus.COMPLETED,
                    validationErrors,
                    result,
                    "",
                    attempt,
                    order,
                    StoppedRun.NONE,
                    startedAt,
                    now);
        }

        State failed(String message, @Nullable UUID order, StoppedRun stopped, Instant now) {
            return new State(
                    ToolStepStatus.FAILED,
                    validationErrors,
                    executionResult,
                    message,
                    attempt,
                    order == null ? workOrderId : order,
                    stopped,
                    startedAt,
                    now);
        }

        State cancelled(Instant now) {
            return new State(
                    ToolStepStatus.CANCELLED,
                    validationErrors,
                    executionResult,
                    errorMessage,
                    attempt,
                    workOrderId,
                    StoppedRun.NONE,
                    startedAt,
                    now);
        }
    }

    public ToolStepStatus status() {
        return state.status();
    }

    /** Whether a run stops before it. */
    boolean pausesRun() {
        return status() == ToolStepStatus.PENDING && fields.pauseBefore();
    }

    /** Whether the step awaits the outcome of exactly this attempt. */
    public boolean awaits(int attempt) {
        return status() == ToolStepStatus.RUNNING && state.attempt() == attempt;
    }
}
