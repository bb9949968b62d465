package dev.sortie.mission.domain;

import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.mission.store.UserStore;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Missions of the mission system's older form, which held their hops as JSON: those that had ended in {@code
 * hop_history}, the present one in {@code current_hop}. They become hops and tool steps.
 */
final class ImportMissionSystem {
    private static final int MAX_OBJECT = 256 * ImportColumns.KIB;
    private static final int MAX_RESULT = 1024 * ImportColumns.KIB;
    private static final int MAX_MAPPINGS = 100;
    private static final Pattern TOOL_ID = Pattern.compile("[A-Za-z0-9._/:-]{1,255}");

    private final MissionStore missions;
    private final HopStore hops;
    private final ToolStepStore steps;
    private final UserStore users;
    private final ImportAssets assets;
    private final MissionFlow flow;

    ImportMissionSystem(
            MissionStore missions,
            HopStore hops,
            ToolStepStore steps,
            UserStore users,
            ImportAssets assets,
            MissionFlow flow) {
        this.missions = missions;
        this.hops = hops;
        this.steps = steps;
        this.users = users;
        this.assets = assets;
        this.flow = flow;
    }

    /** What is known of when something was, completed by what has to be known. */
    private record Times(
            Instant createdAt,
            Instant updatedAt,
            @Nullable Instant startedAt,
            @Nullable Instant endedAt) {

        static Times read(ImportColumns row, Instant otherwise) {
            var created = ImportColumns.or(row.time("created_at"), otherwise);
            var ended = row.time(row.either("completed_at", "ended_at"));
            row.time("ended_at"); // where there are both
            var updated = ImportColumns.or(row.time("updated_at"), ended == null ? created : ended);
            return new Times(created, updated, row.time("started_at"), ended);
        }

        Instant start() {
            return startedAt == null ? createdAt : startedAt;
        }

        Instant end() {
            return endedAt == null ? updatedAt : endedAt;
        }
    }

    private record HopDraft(
            ImportColumns row,
            @Nullable String sourceId,
            @Nullable Long place,
            Hop.Fields fields,
            HopStatus status,
            String error,
            Times times,
            List<StepDraft> steps,
            List<ImportAssets.Draft> assets) {

        boolean isOpen() {
            return status == HopStatus.PENDING || status == HopStatus.ACTIVE;
        }

        HopDraft with(HopStatus other) {
            return new HopDraft(row, sourceId, place, fields, other, error, times, steps, assets);
        }
    }

    private record StepDraft(
            ImportColumns row,
            @Nullable String sourceId,
            @Nullable Long place,
            String toolId,
            String name,
            String description,
            ToolStepStatus status,
            Map<String, Function<ImportTarget, ParameterMapping>> parameters,
            Map<String, Function<ImportTarget, ResultMapping>> results,
            String resourceConfigs,
            List<ValidationError> errors,
            @Nullable String executionResult,
            String errorMessage,
            Times times) {

        StepDraft with(ToolStepStatus other, String message) {
            return new StepDraft(
                    row,
                    sourceId,
                    place,
                    toolId,
                    name,
                    description,
                    other,
                    parameters,
                    results,
                    resourceConfigs,
                    errors,
                    executionResult,
                    message,
                    times);
        }

        ToolStep.State state() {
            boolean begun = status == ToolStepStatus.COMPLETED || status == ToolStepStatus.FAILED;
            boolean ended = begun || status == ToolStepStatus.CANCELLED;
            return new ToolStep.State(
                    status,
                    errors,
                    executionResult,
                    errorMessage,
                    begun ? 1 : 0,
                    null,
                    StoppedRun.NONE,
                    begun ? times.start() : status == ToolStepStatus.CANCELLED ? times.startedAt : null,
                    ended ? times.end() : null);
        }
    }

    // ---- reading ----

    Importable mission(ImportColumns row, Instant now) {
        var userId = row.requiredId("user_id");
        var times = Times.read(row, now);
        var fields = new Mission.Fields(
                row.required("name", 255),
                row.text("description", ImportColumns.MAX_TEXT),
                row.text("goal", ImportColumns.MAX_TEXT),
                row.texts("success_criteria", 100, 4_096),
                row.object(row.either("metadata", "mission_metadata"), MAX_OBJECT),
                "",
                null,
                "",
                null,
                "",
                "");
        var told = ImportColumns.or(row.choice("status", ImportWords.MISSION), MissionStatus.PENDING);
        var qaAt = row.time("qa_at");
        var found = new ArrayList<HopDraft>();
        for (var hop : row.rows("hop_history", Refusals.MAX_CHILDREN)) {
            found.add(hop(hop, HopStatus.COMPLETED, times.createdAt));
        }
        var current = row.columns("current_hop");
        if (current != null) {
            found.add(hop(current, HopStatus.ACTIVE, times.createdAt));
        }
        if (found.size() > Refusals.MAX_CHILDREN) {
            throw row.rejected("hop_history", "more than 1,000 hops with the current one");
        }
        var nested = new ArrayList<ImportAssets.Draft>();
        for (var asset : row.rows("assets", Refusals.MAX_CHILDREN)) {
            nested.add(assets.draft(asset, times.createdAt));
            asset.done();
        }
        row.drop("the current hop is the one in current_hop", "current_hop_id");
        row.drop("assets stand for what hops left behind", "mission_state", "hop_state");
        row.drop("steps name their assets directly", "input_mapping", "output_mapping");
        row.done();
        var ordered = ordered(found, HopDraft::place, hop -> hop.row);
        var status = statusOf(row, told, ordered);
        var settled = ordered.stream().map(hop -> settled(hop, status)).toList();
        return new Importable() {
            @Override
            public String resource() {
                return "mission";
            }

            @Override
            public UUID write(ImportTarget target, UUID id) {
                var tx = target.tx();
                var owner = target.required("user_id", "users", userId);
                if (users.find(tx, owner).isEmpty()) {
                    throw new ImportRejection("user_id", "user " + userId + " has been deleted here");
                }
                var entersQa = status == MissionStatus.QA || status == MissionStatus.COMPLETED;
                var mission = missions.insertAsItWas(
                        tx,
                        new Mission(
                                id,
                                owner,
                                fields,
                                status,
                                null,
                                false,
                                null,
                                "",
                                qaAt == null && entersQa ? times.end() : qaAt,
                                status.isTerminal() ? times.end() : null,
                                null,
                                null,
                                null,
                                times.createdAt,
                                times.updatedAt,
                                1));
                writeHops(target, mission, settled, nested);
                return id;
            }
        };
    }

    /** @param otherwise what it is where nothing is said */
    private HopDraft hop(ImportColumns row, HopStatus otherwise, Instant missionCreatedAt) {
        var times = Times.read(row, missionCreatedAt);
        var keys = new HashMap<String, String>();
        for (var mapping : List.of("input_mapping", "output_mapping")) {
            readKeys(row, mapping, keys);
        }
        row.drop("assets stand for what it held", "hop_state");
        var status = ImportColumns.or(row.choice("status", ImportWords.HOP), otherwise);
        var found = new ArrayList<StepDraft>();
        for (var step : row.rows(row.either("tool_steps", "steps"), Refusals.MAX_CHILDREN)) {
            found.add(step(step, keys, times.createdAt));
        }
        var nested = new ArrayList<ImportAssets.Draft>();
        for (var asset : row.rows("assets", Refusals.MAX_CHILDREN)) {
            nested.add(assets.draft(asset, times.createdAt));
            asset.done();
        }
        row.id("mission_id"); // the mission that it stands in
        var draft = new HopDraft(
                row,
                row.id("id"),
                row.integer("sequence_order", 0, Integer.MAX_VALUE),
                new Hop.Fields(
                        row.required("name", 255),
                        row.text("description", ImportColumns.MAX_TEXT),
                        row.text("rationale", ImportColumns.MAX_TEXT),
                        row.flag("is_final", false),
                        row.flag("is_resolved", status == HopStatus.COMPLETED),
                        false),
                status,
                row.text(row.either("error_message", "error"), ImportColumns.MAX_TEXT),
                times,
                ordered(found, StepDraft::place, step -> step.row),
                nested);
        row.done();
        return draft;
    }

    /** What a hop called the assets that it had for itself. */
    private static void readKeys(ImportColumns row, String name, Map<String, String> keys) {
        var mapping = row.columns(name);
        if (mapping == null) {
            return;
        }
        mapping.rest().forEach((key, value) -> {
            if (value.isString() && !value.stringValue().isBlank()) {
                keys.put(key, value.stringValue());
            }
        });
        row.note(name, "dropped: steps name their assets directly; what they named by it does so now");
    }

    private static StepDraft step(ImportColumns row, Map<String, String> keys, Instant hopCreatedAt) {
        var times = Times.read(row, hopCreatedAt);
        var toolId = row.required("tool_id", 255);
        if (!TOOL_ID.matcher(toolId).matches()) {
            throw row.rejected("tool_id", "expected: letters, digits, '.', '_', '/', ':' and '-'");
        }
        var parameters = new LinkedHashMap<String, Function<ImportTarget, ParameterMapping>>();
        row.each("parameter_mapping", MAX_MAPPINGS, (name, mapping) -> parameters.put(name, parameter(mapping, keys)));
        var results = new LinkedHashMap<String, Function<ImportTarget, ResultMapping>>();
        row.each("result_mapping", MAX_MAPPINGS, (name, mapping) -> results.put(name, result(mapping, keys)));
        var result = row.json("execution_result");
        row.id("hop_id"); // the hop that it stands in
        var name = row.text("name", 255);
        var draft = new StepDraft(
                row,
                row.id("id"),
                row.integer("sequence_order", 0, Integer.MAX_VALUE),
                toolId,
                name.isBlank() ? toolId : name,
                row.text("description", ImportColumns.MAX_TEXT),
                ImportColumns.or(row.choice("status", ImportWords.STEP), ToolStepStatus.PENDING),
                parameters,
                results,
                row.object("resource_configs", MAX_OBJECT),
                errors(row),
                result == null ? null : resultOf(row, result),
                row.text(row.either("error_message", "error"), ImportColumns.MAX_TEXT),
                times);
        row.done();
        return draft;
    }

    private static Function<ImportTarget, ParameterMapping> parameter(ImportColumns mapping, Map<String, String> keys) {
        var type = mapping.required("type", 50);
        mapping.drop("assets are taken whole", "path");
        Function<ImportTarget, ParameterMapping> made = switch (type) {
            case "asset_field" -> {
                var asset = asset(mapping, keys);
                yield target -> new ParameterMapping.AssetField(target.expected("assets", asset, "asset"));
            }
            case "literal_value", "literal" -> {
                var column = mapping.either("literal_value", "value");
                var value = mapping.json(column);
                var text = value == null ? "null" : mapping.fittingJson(column, value, MAX_OBJECT);
                yield _ -> new ParameterMapping.LiteralValue(text);
            }
            case "config_value" -> {
                var key = mapping.required("config_key", 255);
                yield _ -> new ParameterMapping.ConfigValue(key);
            }
            default ->
                throw mapping.rejected(
                        "type", Texts.cut(type, 50) + " (expected: asset_field, literal_value, config_value)");
        };
        // Columns of the other types, which are empty.
        mapping.drop(
                "mappings of another type have it", "state_asset", "asset_id", "literal_value", "value", "config_key");
        mapping.done();
        return made;
    }

    private static Function<ImportTarget, ResultMapping> result(ImportColumns mapping, Map<String, String> keys) {
        var type = mapping.required("type", 50);
        mapping.drop("assets are filled whole", "path");
        Function<ImportTarget, ResultMapping> made = switch (type) {
            case "asset_field" -> {
                var asset = asset(mapping, keys);
                yield target -> new ResultMapping.AssetField(target.expected("assets", asset, "asset"));
            }
            case "ignore", "discard" -> _ -> new ResultMapping.Ignore();
            default -> throw mapping.rejected("type", Texts.cut(type, 50) + " (expected: asset_field, ignore)");
        };
        mapping.drop("mappings of another type have it", "state_asset", "asset_id");
        mapping.done();
        return made;
    }

    private static String asset(ImportColumns mapping, Map<String, String> keys) {
        var name = mapping.requiredId(mapping.either("state_asset", "asset_id"));
        return keys.getOrDefault(name, name);
    }

    private static List<ValidationError> errors(ImportColumns row) {
        var errors = new ArrayList<ValidationError>();
        var value = row.json("validation_errors");
        if (value == null) {
            return errors;
        }
        if (!value.isArray() || value.size() > MAX_MAPPINGS) {
            throw row.rejected("validation_errors", "no array of at most " + MAX_MAPPINGS + " elements");
        }
        for (var one : value) {
            var message = one.isString() ? one : one.path("message");
            var field = one.path("field");
            if (!message.isString()) {
                throw row.rejected(
                        "validation_errors[" + errors.size() + "]", "neither text nor a field and a message");
            }
            errors.add(new ValidationError(
                    field.isString() ? Texts.cut(field.stringValue(), 300) : "",
                    Texts.cut(message.stringValue(), 1_000)));
        }
        return errors;
    }

    /** An object as it is, anything else under the name {@code value}. */
    private static String resultOf(ImportColumns row, JsonNode result) {
        var text = row.fittingJson("execution_result", result, MAX_RESULT);
        return result.isObject() ? text : "{\"value\":" + text + "}";
    }

    // ---- what holds here ----

    /** In the order of their places where all have one, else in the order in which they stand. */
    private static <T> List<T> ordered(
            List<T> found, Function<T, @Nullable Long> place, Function<T, ImportColumns> row) {
        var inOrder = new ArrayList<T>(found);
        if (found.stream().allMatch(one -> place.apply(one) != null)) {
            inOrder.sort(Comparator.comparing(one -> ImportColumns.or(place.apply(one), 0L)));
        }
        for (int i = 0; i < inOrder.size(); i++) {
            var told = place.apply(inOrder.get(i));
            if (told != null && told != i) {
                row.apply(inOrder.get(i)).note("sequence_order", i + ", so that there are no gaps");
            }
        }
        return inOrder;
    }

    /** A mission is ACTIVE exactly when a hop is, and one that has ended has none. */
    private static MissionStatus statusOf(ImportColumns row, MissionStatus told, List<HopDraft> all) {
        var active = all.stream().filter(hop -> hop.status == HopStatus.ACTIVE).toList();
        if (active.size() > 1 && !told.isTerminal()) {
            throw active.get(1).row.rejected("status", "a second active hop (expected: one at most)");
        }
        if (told.isTerminal() || active.isEmpty() == (told != MissionStatus.ACTIVE)) {
            return told;
        }
        var holds = active.isEmpty() ? MissionStatus.READY_TO_DESIGN : MissionStatus.ACTIVE;
        row.note("status", holds + ", since " + (active.isEmpty() ? "no hop" : "a hop") + " is active");
        return holds;
    }

    /** What was open in something that has ended is cancelled, and what was at work elsewhere has failed. */
    private static HopDraft settled(HopDraft hop, MissionStatus mission) {
        var settled = hop;
        if (mission.isTerminal() && hop.isOpen()) {
            hop.row.note("status", "CANCELLED, since the mission is " + mission);
            settled = hop.with(HopStatus.CANCELLED);
        }
        var its = new ArrayList<StepDraft>();
        for (var step : settled.steps) {
            its.add(settled(step, settled));
        }
        return new HopDraft(
                settled.row,
                settled.sourceId,
                settled.place,
                settled.fields,
                settled.status,
                settled.error,
                settled.times,
                its,
                settled.assets);
    }

    private static StepDraft settled(StepDraft step, HopDraft hop) {
        boolean open = step.status == ToolStepStatus.PENDING || step.status == ToolStepStatus.RUNNING;
        if (open && !hop.isOpen()) {
            step.row.note("status", "CANCELLED, since the hop is " + hop.status);
            return step.with(ToolStepStatus.CANCELLED, step.errorMessage);
        }
        if (step.status == ToolStepStatus.RUNNING) {
            step.row.note("status", "FAILED, since nobody works on it any more; it can be retried");
            return step.with(ToolStepStatus.FAILED, "was running elsewhere when it was imported");
        }
        return step;
    }

    // ---- writing ----

    private void writeHops(
            ImportTarget target, Mission mission, List<HopDraft> drafts, List<ImportAssets.Draft> missionAssets) {
        var tx = target.tx();
        var written = new ArrayList<Hop>();
        var writtenSteps = new ArrayList<ToolStep>();
        var whole = mission;
        for (var draft : drafts) {
            var hop = hops.insertAsItWas(tx, toHop(target, mission, draft, written.size()));
            written.add(hop);
            if (hop.status() == HopStatus.ACTIVE) {
                whole = missions.setCurrentHop(tx, mission.id(), hop.id());
            }
            for (var asset : draft.assets) {
                assets.writeNested(target, mission, AssetScopeType.HOP, hop.id(), asset);
            }
        }
        for (var asset : missionAssets) {
            assets.writeNested(target, mission, AssetScopeType.MISSION, mission.id(), asset);
        }
        for (int i = 0; i < drafts.size(); i++) {
            int place = 0;
            for (var draft : drafts.get(i).steps) {
                var step = toStep(target, written.get(i), draft, place++);
                steps.insertAsItWas(tx, step);
                writtenSteps.add(step);
            }
        }
        flow.noteImported(tx, whole, written, writtenSteps);
    }

    private static Hop toHop(ImportTarget target, Mission mission, HopDraft draft, int place) {
        boolean begun = draft.status != HopStatus.PENDING && draft.status != HopStatus.CANCELLED;
        return new Hop(
                draft.sourceId == null
                        ? target.newId()
                        : target.claimNested(draft.row.pathOf("id"), "hops", draft.sourceId, "hop"),
                mission.id(),
                draft.fields,
                draft.status,
                place,
                draft.error,
                false,
                null,
                begun ? draft.times.start() : draft.status == HopStatus.CANCELLED ? draft.times.startedAt : null,
                draft.isOpen() ? null : draft.times.end(),
                draft.times.createdAt,
                draft.times.updatedAt,
                1);
    }

    private static ToolStep toStep(ImportTarget target, Hop hop, StepDraft draft, int place) {
        var parameters = new LinkedHashMap<String, ParameterMapping>();
        draft.parameters.forEach((name, mapping) -> parameters.put(name, mapping.apply(target)));
        var results = new LinkedHashMap<String, ResultMapping>();
        draft.results.forEach((name, mapping) -> results.put(name, mapping.apply(target)));
        return new ToolStep(
                draft.sourceId == null
                        ? target.newId()
                        : target.claimNested(draft.row.pathOf("id"), "tool_steps", draft.sourceId, "tool_step"),
                hop.id(),
                hop.missionId(),
                new ToolStep.Fields(
                        draft.toolId, draft.name, draft.description, parameters, results, draft.resourceConfigs, false),
                place,
                draft.state(),
                draft.times.createdAt,
                draft.times.updatedAt,
                1);
    }
}
