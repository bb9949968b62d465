package dev.sortie.mission.domain;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Checks whether a step could be executed, and resolves its parameters on the way. Belongs to one check of one step.
 *
 * <p>A parameter whose value is not known yet, because an earlier step will make it, is not held against the step; what
 * is known of the others still has to fit. Streamed content is given as a reference, and is not looked at.
 */
final class StepCheck {
    /** The most that the payload of a work order may take. */
    static final int MAX_PAYLOAD_BYTES = 1024 * 1024;

    private static final int MAX_ERRORS = 200;
    private static final int MAX_MESSAGE = 1_000;
    private static final JsonMapper JSON = JsonMapper.shared();

    private final ToolStep.Fields fields;
    private final Hop hop;
    private final @Nullable Tool tool;
    private final Surroundings around;
    private final List<ValidationError> errors = new ArrayList<>();
    private final ObjectNode parameters = JSON.createObjectNode();
    /** Parameters that have a reference for a value, because the content is streamed. */
    private final Set<String> references = new HashSet<>();

    private boolean allKnown = true;

    /**
     * What a step finds where it stands.
     *
     * @param assets those of the step's assets that exist, by id
     * @param contents as JSON text, of those of its inputs that are READY
     * @param promised the assets that earlier unfinished steps will fill; empty when the step is to begin now
     * @param missionMetadata a JSON object, as text
     * @param credentials what the mission's owner has for the resources of the tool, by resource
     */
    record Surroundings(
            Map<UUID, Asset> assets,
            Map<UUID, String> contents,
            Set<UUID> promised,
            String missionMetadata,
            Map<String, ResourceCredentials.Usable> credentials) {}

    /**
     * What came of it.
     *
     * @param errors what keeps the step from being executed; empty when nothing does
     * @param parameters the values that are known, by parameter; all of them when there are no errors and nothing was
     *     promised
     */
    record Outcome(List<ValidationError> errors, ObjectNode parameters) {}

    private StepCheck(ToolStep.Fields fields, Hop hop, @Nullable Tool tool, Surroundings around) {
        this.fields = fields;
        this.hop = hop;
        this.tool = tool;
        this.around = around;
    }

    static Outcome of(ToolStep.Fields fields, Hop hop, Optional<Tool> tool, Surroundings around) {
        var check = new StepCheck(fields, hop, tool.orElse(null), around);
        check.checkTool();
        check.checkCredentials();
        check.resolveParameters();
        check.checkParameters();
        check.checkResults();
        check.checkSize();
        return new Outcome(List.copyOf(check.errors), check.parameters);
    }

    /** The assets that the fields of a result go into, by field. */
    static ObjectNode outputs(ToolStep.Fields fields) {
        var outputs = JSON.createObjectNode();
        new TreeMap<>(fields.resultMapping()).forEach((field, mapping) -> {
            if (mapping instanceof ResultMapping.AssetField(UUID assetId)) {
                outputs.put(field, assetId.toString());
            }
        });
        return outputs;
    }

    private void checkTool() {
        if (tool == null) {
            add("tool_id", "there is no tool " + fields.toolId() + " (expected: a tool made by PutTool)");
        }
    }

    private void checkCredentials() {
        for (var resource : tool == null ? List.<String>of() : tool.resourceIds()) {
            var credential = around.credentials().get(resource);
            if (credential == null) {
                add(
                        "tool_id",
                        "tool %s works with resource %s, for which the mission's owner has no credential (expected: one made"
                                        .formatted(fields.toolId(), quoted(resource))
                                + " by PutResourceCredential)");
            } else if (credential.content().isEmpty()) {
                add(
                        "tool_id",
                        "tool %s works with resource %s, and the owner's credential for it cannot be decrypted (expected:"
                                        .formatted(fields.toolId(), quoted(resource))
                                + " the key it was encrypted with, or another PutResourceCredential)");
            }
        }
    }

    private void resolveParameters() {
        var stepConfig = JSON.readTree(fields.resourceConfigs());
        var missionConfig = JSON.readTree(around.missionMetadata()).path("config");
        for (var mapping : new TreeMap<>(fields.parameterMapping()).entrySet()) {
            var name = mapping.getKey();
            switch (mapping.getValue()) {
                case ParameterMapping.LiteralValue literal -> parameters.set(name, JSON.readTree(literal.value()));
                case ParameterMapping.ConfigValue config -> {
                    var key = config.configKey();
                    var value = stepConfig.has(key) ? stepConfig.get(key) : missionConfig.get(key);
                    if (value == null) {
                        addParameter(
                                name,
                                "config value " + quoted(key) + " is not set (expected: in the step's resource_configs"
                                        + " or the mission's metadata.config)");
                        allKnown = false;
                    } else {
                        parameters.set(name, value);
                    }
                }
                case ParameterMapping.AssetField asset -> resolveAsset(name, asset.assetId());
            }
        }
    }

    private void resolveAsset(String name, UUID id) {
        var asset = reachable("parameter_mapping." + name, "parameter " + quoted(name), id);
        var content = around.contents().get(id);
        if (asset != null && content != null) {
            parameters.set(name, JSON.readTree(content));
            return;
        }
        if (asset != null && asset.status() == AssetStatus.READY && asset.contentInfo() != null) {
            parameters.set(name, StreamedReference.to(asset.id(), asset.contentInfo()));
            references.add(name);
            return;
        }
        allKnown = false;
        if (asset != null && !around.promised().contains(id)) {
            addParameter(
                    name,
                    "asset %s (%s) is %s (expected: READY, or filled by an earlier step)"
                            .formatted(quoted(asset.fields().name()), id, asset.status()));
        }
    }

    /** An asset that exists where the step can reach it; null, and told, when not. */
    private @Nullable Asset reachable(String field, String subject, UUID id) {
        var asset = around.assets().get(id);
        if (asset == null) {
            add(field, "%s: asset %s does not exist".formatted(subject, id));
            return null;
        }
        if (!asset.isVisibleTo(hop)) {
            add(
                    field,
                    "%s: asset %s (%s) belongs to another %s (expected: one of this mission or this hop)"
                            .formatted(
                                    subject,
                                    quoted(asset.fields().name()),
                                    id,
                                    asset.scopeType() == AssetScopeType.HOP ? "hop" : "mission"));
            return null;
        }
        return asset;
    }

    private void checkParameters() {
        if (tool == null || tool.inputSchema() == null) {
            return;
        }
        var schema = JSON.readTree(tool.inputSchema());
        for (var name : schema.path("required")) {
            if (!fields.parameterMapping().containsKey(name.stringValue())) {
                addParameter(
                        name.stringValue(),
                        "is not mapped (expected: a source, because tool " + fields.toolId() + " requires it)");
            }
        }
        for (var finding : JsonSchemas.validate(schema, parameters)) {
            report(finding);
        }
    }

    private void report(JsonSchemas.Finding finding) {
        var path = finding.path();
        if (!path.isEmpty()) {
            int end = path.indexOf('/', 1);
            var name = unescape(end < 0 ? path.substring(1) : path.substring(1, end));
            if (references.contains(name)) {
                return; // the schema is of the content, which the worker has to look at
            }
            var within = end < 0 ? "" : " at " + path.substring(end);
            addParameter(name, "does not fit the tool's input schema" + within + ": " + finding.message());
        } else if (finding.keyword().equals("required")) {
            // Told above where it is not mapped; where it is, its value is still to come.
            if (schemaRequires(finding.property())) {
                return;
            }
            reportAll(finding);
        } else if (!finding.property().isEmpty() && fields.parameterMapping().containsKey(finding.property())) {
            addParameter(finding.property(), "does not fit the tool's input schema: " + finding.message());
        } else {
            reportAll(finding);
        }
    }

    /** What concerns the parameters together cannot be judged while one of them is unknown. */
    private void reportAll(JsonSchemas.Finding finding) {
        if (allKnown) {
            add("parameter_mapping", "the parameters do not fit the tool's input schema: " + finding.message());
        }
    }

    private boolean schemaRequires(String name) {
        if (tool == null || tool.inputSchema() == null) {
            return false;
        }
        for (var required : JSON.readTree(tool.inputSchema()).path("required")) {
            if (required.stringValue().equals(name)) {
                return true;
            }
        }
        return false;
    }

    private void checkResults() {
        var output = tool == null || tool.outputSchema() == null ? null : JSON.readTree(tool.outputSchema());
        var takenBy = new HashMap<UUID, String>();
        for (var mapping : new TreeMap<>(fields.resultMapping()).entrySet()) {
            var name = mapping.getKey();
            var field = "result_mapping." + name;
            var subject = "result field " + quoted(name);
            if (output != null && cannotHave(output, name)) {
                add(
                        field,
                        "%s: tool %s gives none (expected: one of %s)"
                                .formatted(
                                        subject,
                                        fields.toolId(),
                                        String.join(
                                                ", ", output.path("properties").propertyNames())));
            }
            if (mapping.getValue() instanceof ResultMapping.AssetField(UUID id)) {
                reachable(field, subject, id);
                var other = takenBy.putIfAbsent(id, name);
                if (other != null) {
                    add(
                            field,
                            "%s: result field %s goes into asset %s already (expected: an asset of its own)"
                                    .formatted(subject, quoted(other), id));
                }
            }
        }
    }

    private static boolean cannotHave(JsonNode schema, String name) {
        return schema.path("additionalProperties").isBoolean()
                && !schema.path("additionalProperties").booleanValue()
                && !schema.has("patternProperties")
                && schema.has("properties")
                && !schema.path("properties").has(name);
    }

    private void checkSize() {
        long bytes = JsonSize.asStruct(parameters);
        // The payload names the step and its outputs as well, and has a handle for each resource.
        long most = MAX_PAYLOAD_BYTES
                - 1_024
                - JsonSize.asStruct(outputs(fields))
                - (tool == null ? 0 : tool.resourceIds().size() * 256);
        if (bytes > most) {
            add("parameter_mapping", "the parameters take %d bytes together (expected: <= %d)".formatted(bytes, most));
        }
    }

    private void addParameter(String name, String message) {
        add("parameter_mapping." + name, "parameter " + quoted(name) + ": " + message);
    }

    private void add(String field, String message) {
        if (errors.size() < MAX_ERRORS) {
            errors.add(new ValidationError(
                    field, message.length() <= MAX_MESSAGE ? message : message.substring(0, MAX_MESSAGE - 1) + "…"));
        }
    }

    private static String quoted(String name) {
        return '"' + name + '"';
    }

    /** A token of a JSON pointer, as it was. */
    private static String unescape(String token) {
        return token.replace("~1", "/").replace("~0", "~");
    }
}
