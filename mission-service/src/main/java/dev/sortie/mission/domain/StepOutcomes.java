package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Takes over what became of the work orders of steps: results, and failures. Who claims them does not matter to it. */
public final class StepOutcomes implements OrderOutcomes {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final ToolStepStore steps;
    private final AssetStore assets;
    private final Tools tools;
    private final MissionFlow missions;
    private final StepFlow flow;

    public StepOutcomes(ToolStepStore steps, AssetStore assets, Tools tools, MissionFlow missions, StepFlow flow) {
        this.steps = steps;
        this.assets = assets;
        this.tools = tools;
        this.missions = missions;
        this.flow = flow;
    }

    private sealed interface Judgement {}

    /**
     * A result that can be taken over.
     *
     * @param contents what goes into which asset
     * @param uploaded the SHA-256 of what must have been uploaded to which asset
     */
    private record Success(String result, Map<UUID, AssetContent> contents, Map<UUID, String> uploaded)
            implements Judgement {}

    /** No result, or none that can be taken over. */
    private record Defeat(String message) implements Judgement {}

    @Override
    public Set<UUID> concerned(Queries queries, List<News> news) {
        var finished = news.stream()
                .filter(heard -> heard.status() == null || heard.status().isTerminal())
                .map(News::subjectId)
                .collect(Collectors.toSet());
        return finished.isEmpty() ? Set.of() : steps.runningAmong(queries, finished);
    }

    @Override
    public Optional<Outcome> prepare(Queries queries, WorkOrder order) {
        var subject = order.subject();
        if (subject == null || !order.status().isTerminal()) {
            return Optional.empty();
        }
        return steps.find(queries, subject.id())
                .filter(step -> awaits(step, order))
                .map(step -> judge(queries, step, order))
                .map(judgement -> tx -> apply(tx, subject.id(), order, judgement));
    }

    private boolean apply(Tx tx, UUID stepId, WorkOrder order, Judgement judgement) {
        var held = hold(tx, stepId).filter(found -> awaits(found.step, order));
        if (held.isEmpty()) {
            return false;
        }
        var locked = held.get().hop;
        var step = held.get().step;
        switch (judgement) {
            case Defeat defeat -> flow.fail(tx, locked, step, order.id(), defeat.message());
            case Success success -> {
                var trouble = trouble(tx, success);
                if (trouble == null) {
                    flow.complete(
                            tx,
                            locked,
                            step,
                            order,
                            success.result(),
                            success.contents(),
                            success.uploaded().keySet());
                } else {
                    flow.fail(tx, locked, step, order.id(), "its result cannot be taken over: " + trouble);
                }
            }
        }
        return true;
    }

    @Override
    public boolean giveUp(Tx tx, UUID stepId, int attempt, @Nullable UUID workOrderId, String message) {
        var held = hold(tx, stepId)
                .filter(found -> found.step.awaits(attempt)
                        && Objects.equals(found.step.state().workOrderId(), workOrderId));
        held.ifPresent(found -> flow.fail(tx, found.hop, found.step, workOrderId, message));
        return held.isPresent();
    }

    @Override
    public void placed(Tx tx, UUID stepId, int attempt, UUID workOrderId) {
        steps.markPlaced(tx, stepId, attempt, workOrderId).ifPresent(step -> StepFlow.note(tx, step));
    }

    @Override
    public List<Awaiting> awaiting(Queries queries, UUID after, Instant since, int limit) {
        return steps.listRunning(queries, after, since, limit).stream()
                .map(step -> new Awaiting(
                        Subject.step(step.id()),
                        step.state().attempt(),
                        step.state().workOrderId()))
                .toList();
    }

    /** By the order's id or, while that is not known, by the name it was given. */
    private static boolean awaits(ToolStep step, WorkOrder order) {
        var known = step.state().workOrderId();
        return step.status() == ToolStepStatus.RUNNING
                && (known == null
                        ? order.dedupeKey()
                                .equals(Subject.step(step.id())
                                        .dedupeKey(step.state().attempt()))
                        : known.equals(order.id()));
    }

    private Judgement judge(Queries queries, ToolStep step, WorkOrder order) {
        return switch (order.status()) {
            case COMPLETED -> judgeResult(queries, step, order);
            case FAILED -> new Defeat(order.errorMessage().isEmpty() ? "the work order failed" : order.errorMessage());
            case EXPIRED -> new Defeat("the work order expired: no worker claimed it in time");
            case CANCELLED -> new Defeat("the work order was cancelled in agent-service");
            case PENDING, CLAIMED -> throw new IllegalArgumentException("not finished: " + order.id());
        };
    }

    private Judgement judgeResult(Queries queries, ToolStep step, WorkOrder order) {
        var text = order.result();
        if (text == null) {
            return unusable(order.errorMessage());
        }
        var result = JSON.readTree(text);
        var misfit = misfit(queries, step, result);
        if (misfit != null) {
            return unusable(misfit);
        }
        var contents = new TreeMap<UUID, AssetContent>();
        var uploaded = new TreeMap<UUID, String>();
        for (var mapping : step.fields().resultMapping().entrySet()) {
            if (mapping.getValue() instanceof ResultMapping.AssetField(UUID assetId)) {
                var value = result.get(mapping.getKey());
                if (value == null) {
                    return unusable(
                            "it has no field \"%s\", which goes into asset %s".formatted(mapping.getKey(), assetId));
                }
                var sha256 = StreamedReference.sha256(value, assetId);
                if (sha256.isPresent()) {
                    uploaded.put(assetId, sha256.get());
                    continue;
                }
                var json = value.toString();
                contents.put(assetId, AssetContent.of(json, value.isString() ? value.stringValue() : json));
            }
        }
        return new Success(text, contents, uploaded);
    }

    /** What the output schema of the step's tool does not allow; null when nothing. */
    private @Nullable String misfit(Queries queries, ToolStep step, JsonNode result) {
        var schema = tools.find(queries, step.fields().toolId()).map(Tool::outputSchema);
        if (schema.isEmpty()) {
            return null;
        }
        var references = references(step, result);
        var findings = JsonSchemas.validate(JSON.readTree(schema.get()), result).stream()
                .filter(finding -> !isWithin(references, finding.path()))
                .toList();
        if (findings.isEmpty()) {
            return null;
        }
        var more = findings.size() == 1 ? "" : " (and " + (findings.size() - 1) + " more)";
        return "it does not fit the output schema of tool %s: %s%s"
                .formatted(step.fields().toolId(), findings.getFirst(), more);
    }

    private static Defeat unusable(String why) {
        return new Defeat("its result cannot be taken over: " + why);
    }

    /** The fields of a result that say what was uploaded; the schema is of what was uploaded, not of them. */
    private static Set<String> references(ToolStep step, JsonNode result) {
        var references = new TreeSet<String>();
        step.fields().resultMapping().forEach((field, mapping) -> {
            if (mapping instanceof ResultMapping.AssetField(UUID assetId)
                    && StreamedReference.sha256(result.get(field), assetId).isPresent()) {
                references.add("/" + field.replace("~", "~0").replace("/", "~1"));
            }
        });
        return references;
    }

    private static boolean isWithin(Set<String> pointers, String path) {
        int end = path.indexOf('/', 1);
        return pointers.contains(end < 0 ? path : path.substring(0, end));
    }

    /** What is wrong with the assets that a result goes into; null when nothing is, and will be in this transaction. */
    private @Nullable String trouble(Tx tx, Success success) {
        var missing = new TreeSet<>(success.contents().keySet());
        missing.addAll(success.uploaded().keySet());
        if (missing.isEmpty()) {
            return null;
        }
        assets.lockAll(tx, Set.copyOf(missing)).forEach(missing::remove);
        if (!missing.isEmpty()) {
            return "asset %s does not exist any more".formatted(missing.first());
        }
        if (!success.uploaded().isEmpty()) {
            for (var asset : assets.findHeads(tx, success.uploaded().keySet())) {
                var info = asset.contentInfo();
                if (info == null || !info.sha256().equals(success.uploaded().get(asset.id()))) {
                    return "asset %s has not got the content that the result says was uploaded to it (sha256 %s)"
                            .formatted(asset.id(), success.uploaded().get(asset.id()));
                }
            }
        }
        return null;
    }

    private Optional<Held> hold(Tx tx, UUID stepId) {
        var found = steps.find(tx, stepId);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        LockedHop hop;
        try {
            hop = missions.lockHop(tx, found.get().hopId());
        } catch (FailureException refused) {
            if (refused.failure() instanceof Failure.NotFound) {
                return Optional.empty(); // deleted or hidden since
            }
            throw refused;
        }
        return steps.lock(tx, stepId).map(step -> new Held(hop, step));
    }

    private record Held(LockedHop hop, ToolStep step) {}
}
