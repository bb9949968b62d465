package dev.sortie.mission.store;

import dev.sortie.mission.domain.ParameterMapping;
import dev.sortie.mission.domain.ResultMapping;
import dev.sortie.mission.domain.ValidationError;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The mappings and findings of steps in their columns' JSON. */
final class StepJson {
    private static final JsonMapper JSON = JsonMapper.shared();

    private StepJson() {}

    static String ofParameters(Map<String, ParameterMapping> mappings) {
        var all = JSON.createObjectNode();
        mappings.forEach((name, mapping) -> {
            var one = all.putObject(name);
            switch (mapping) {
                case ParameterMapping.AssetField asset -> putAsset(one, asset.assetId());
                case ParameterMapping.LiteralValue literal ->
                    one.put("type", "literal_value").set("value", JSON.readTree(literal.value()));
                case ParameterMapping.ConfigValue config ->
                    one.put("type", "config_value").put("config_key", config.configKey());
            }
        });
        return all.toString();
    }

    static Map<String, ParameterMapping> toParameters(String json) {
        var mappings = new LinkedHashMap<String, ParameterMapping>();
        JSON.readTree(json)
                .properties()
                .forEach(entry -> mappings.put(
                        entry.getKey(),
                        switch (entry.getValue().get("type").stringValue()) {
                            case "asset_field" -> new ParameterMapping.AssetField(asset(entry.getValue()));
                            case "literal_value" ->
                                new ParameterMapping.LiteralValue(
                                        entry.getValue().get("value").toString());
                            case "config_value" ->
                                new ParameterMapping.ConfigValue(
                                        entry.getValue().get("config_key").stringValue());
                            default -> throw new IllegalStateException("parameter mapping of unknown type: " + entry);
                        }));
        return mappings;
    }

    static String ofResults(Map<String, ResultMapping> mappings) {
        var all = JSON.createObjectNode();
        mappings.forEach((name, mapping) -> {
            var one = all.putObject(name);
            switch (mapping) {
                case ResultMapping.AssetField asset -> putAsset(one, asset.assetId());
                case ResultMapping.Ignore _ -> one.put("type", "ignore");
            }
        });
        return all.toString();
    }

    static Map<String, ResultMapping> toResults(String json) {
        var mappings = new LinkedHashMap<String, ResultMapping>();
        JSON.readTree(json)
                .properties()
                .forEach(entry -> mappings.put(
                        entry.getKey(),
                        switch (entry.getValue().get("type").stringValue()) {
                            case "asset_field" -> new ResultMapping.AssetField(asset(entry.getValue()));
                            case "ignore" -> new ResultMapping.Ignore();
                            default -> throw new IllegalStateException("result mapping of unknown type: " + entry);
                        }));
        return mappings;
    }

    static String ofErrors(List<ValidationError> errors) {
        var all = JSON.createArrayNode();
        errors.forEach(error -> all.addObject().put("field", error.field()).put("message", error.message()));
        return all.toString();
    }

    static List<ValidationError> toErrors(String json) {
        var errors = new ArrayList<ValidationError>();
        for (var error : JSON.readTree(json)) {
            errors.add(new ValidationError(
                    error.get("field").stringValue(), error.get("message").stringValue()));
        }
        return errors;
    }

    private static void putAsset(ObjectNode mapping, UUID assetId) {
        mapping.put("type", "asset_field").put("asset_id", assetId.toString());
    }

    private static UUID asset(tools.jackson.databind.JsonNode mapping) {
        return UUID.fromString(mapping.get("asset_id").stringValue());
    }
}
