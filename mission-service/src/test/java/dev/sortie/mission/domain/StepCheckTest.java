package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.util.JsonFormat;
import dev.sortie.mission.domain.ParameterMapping.AssetField;
import dev.sortie.mission.domain.ParameterMapping.ConfigValue;
import dev.sortie.mission.domain.ParameterMapping.LiteralValue;
import dev.sortie.mission.domain.StepCheck.Surroundings;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

class StepCheckTest {
    private static final UUID MISSION = new UUID(1, 1);
    private static final UUID HOP = new UUID(1, 2);
    private static final UUID OTHER = new UUID(1, 3);
    private static final UUID READY = new UUID(2, 1);
    private static final UUID PENDING = new UUID(2, 2);
    private static final UUID FOREIGN = new UUID(2, 3);
    private static final UUID OF_OTHER_HOP = new UUID(2, 4);
    private static final UUID GONE = new UUID(2, 5);

    /** A literal value for the parameter {@code p}, the schema of {@code p}, and what is found. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
            "text"        | {"type": "string"}                                | -
            5             | {"type": "string"}                                | integer found, string expected
            5             | {"type": "integer"}                               | -
            5.5           | {"type": "integer"}                               | number found, integer expected
            null          | {"type": "string"}                                | null found, string expected
            null          | {"type": ["string", "null"]}                      | -
            "b"           | {"enum": ["a", "c"]}                              | does not have a value in the enumeration
            11            | {"maximum": 10}                                   | maximum value of 10
            0             | {"exclusiveMinimum": 0}                           | exclusive minimum value of 0
            "abc"         | {"maxLength": 2}                                  | at most 2 characters
            "abc"         | {"pattern": "^[0-9]+$"}                           | regex pattern
            [1, 2, 2]     | {"type": "array", "uniqueItems": true}            | unique
            [1, "a"]      | {"items": {"type": "integer"}}                    | at /1
            {"a": {"b": 1}} | {"properties": {"a": {"properties": {"b": {"type": "string"}}}}} | at /a/b
            {}            | {"required": ["x"]}                               | required property 'x'
            {"x": 1}      | {"additionalProperties": false}                   | 'x'
            1             | {"anyOf": [{"type": "string"}, {"minimum": 2}]}   | string expected
            1             | {"const": 2}                                      | must be the constant value
            1             | {"$ref": "#/$defs/text"}                          | string expected
            {"x": true}   | true                                              | -
            1             | false                                             | false
            """)
    void saysWhatIsWrongWithAValue(String value, String schema, String found) {
        var tool = tool("""
                {"type": "object", "properties": {"p": %s}, "$defs": {"text": {"type": "string"}}}
                """.formatted(schema));

        var errors = check(tool, Map.of("p", new LiteralValue(value)), Map.of()).errors();

        if (found.equals("-")) {
            assertThat(errors).isEmpty();
        } else {
            assertThat(errors).anySatisfy(error -> {
                assertThat(error.field()).isEqualTo("parameter_mapping.p");
                assertThat(error.message()).startsWith("parameter \"p\": ").contains(found);
            });
            assertThat(errors).allSatisfy(error -> assertThat(error.field()).isEqualTo("parameter_mapping.p"));
        }
    }

    @Test
    void asksForEveryParameterThatTheToolRequires() {
        var tool = tool("{\"required\": [\"a\", \"b\", \"c\"]}");

        var errors = check(tool, Map.of("b", new LiteralValue("1")), Map.of()).errors();

        assertThat(errors)
                .containsExactly(
                        new ValidationError(
                                "parameter_mapping.a",
                                "parameter \"a\": is not mapped (expected: a source, because tool t requires it)"),
                        new ValidationError(
                                "parameter_mapping.c",
                                "parameter \"c\": is not mapped (expected: a source, because tool t requires it)"));
    }

    @Test
    void namesAParameterThatTheToolDoesNotKnow() {
        var tool = tool("{\"properties\": {\"a\": {}}, \"additionalProperties\": false}");

        var errors = check(tool, Map.of("a", new LiteralValue("1"), "b", new LiteralValue("2")), Map.of())
                .errors();

        assertThat(errors).singleElement().satisfies(error -> {
            assertThat(error.field()).isEqualTo("parameter_mapping.b");
            assertThat(error.message()).contains("\"b\"");
        });
    }

    @Test
    void findsTheNameOfAParameterWhateverCharactersItHas() {
        var tool = tool("{\"properties\": {\"a/b~c\": {\"type\": \"string\"}}}");

        var errors =
                check(tool, Map.of("a/b~c", new LiteralValue("1")), Map.of()).errors();

        assertThat(errors).singleElement().extracting(ValidationError::field).isEqualTo("parameter_mapping.a/b~c");
    }

    @Test
    void concernsSeveralParametersWhereTheSchemaDoes() {
        var tool = tool("{\"oneOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}");

        var errors = check(tool, Map.of("a", new LiteralValue("1"), "b", new LiteralValue("2")), Map.of())
                .errors();

        assertThat(errors)
                .isNotEmpty()
                .allSatisfy(error -> assertThat(error.field()).isEqualTo("parameter_mapping"));
    }

    @Test
    void holdsNothingAgainstAValueThatIsStillToCome() {
        var tool = tool("""
                {"required": ["a", "b"], "minProperties": 2,
                 "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
                """);
        var mappings = Map.<String, ParameterMapping>of("a", new AssetField(PENDING), "b", new LiteralValue("\"x\""));

        var now = StepCheck.of(fields(mappings, Map.of()), hop(), tool, around(Set.of()));
        assertThat(now.errors())
                .extracting(ValidationError::field)
                .containsExactly("parameter_mapping.a", "parameter_mapping.b");
        assertThat(now.errors().getFirst().message()).contains("is PENDING").contains("READY");
        var later = StepCheck.of(fields(mappings, Map.of()), hop(), tool, around(Set.of(PENDING)));
        assertThat(later.errors()).extracting(ValidationError::field).containsExactly("parameter_mapping.b");
    }

    @Test
    void resolvesEverySource() {
        var mappings = Map.<String, ParameterMapping>of(
                "asset", new AssetField(READY),
                "literal", new LiteralValue("[1, null]"),
                "step", new ConfigValue("both"),
                "mission", new ConfigValue("only mission"),
                "null", new ConfigValue("null of the step"));

        var outcome = check(tool("{}"), mappings, Map.of());

        assertThat(outcome.errors()).isEmpty();
        assertThat(outcome.parameters()).isEqualTo(JsonMapper.shared().readTree("""
                {"asset": {"content": true}, "literal": [1, null], "mission": 1, "null": null, "step": "step"}
                """));
    }

    @Test
    void saysWhereAConfiguredValueIsLookedFor() {
        var errors = check(tool("{}"), Map.of("p", new ConfigValue("unset")), Map.of())
                .errors();

        assertThat(errors)
                .containsExactly(new ValidationError(
                        "parameter_mapping.p",
                        "parameter \"p\": config value \"unset\" is not set"
                                + " (expected: in the step's resource_configs or the mission's metadata.config)"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "1", "\"text\"", "null"})
    void takesAMissionConfigThatIsNoObjectForNone(String config) {
        var around = new Surroundings(Map.of(), Map.of(), Set.of(), "{\"config\": " + config + "}", Map.of());

        var errors = StepCheck.of(fields(Map.of("p", new ConfigValue("key")), Map.of()), hop(), tool("{}"), around)
                .errors();

        assertThat(errors).hasSize(1);
    }

    @Test
    void reachesOnlyAssetsOfItsMissionAndItsHop() {
        var errors = check(
                        tool("{}"),
                        Map.of(
                                "a", new AssetField(GONE),
                                "b", new AssetField(FOREIGN),
                                "c", new AssetField(OF_OTHER_HOP)),
                        Map.of("r", new ResultMapping.AssetField(FOREIGN)))
                .errors();

        assertThat(errors)
                .extracting(ValidationError::field)
                .containsExactly(
                        "parameter_mapping.a", "parameter_mapping.b", "parameter_mapping.c", "result_mapping.r");
        assertThat(errors)
                .extracting(ValidationError::message)
                .satisfiesExactly(
                        message ->
                                assertThat(message).contains("does not exist").contains(GONE.toString()),
                        message -> assertThat(message).contains("belongs to another mission"),
                        message -> assertThat(message).contains("belongs to another hop"),
                        message -> assertThat(message).contains("result field \"r\""));
    }

    @Test
    void wantsAnAssetOfItsOwnForEachFieldOfTheResult() {
        var errors = check(
                        tool("{}"),
                        Map.of(),
                        Map.of(
                                "r", new ResultMapping.AssetField(PENDING),
                                "s", new ResultMapping.AssetField(PENDING),
                                "t", new ResultMapping.Ignore()))
                .errors();

        assertThat(errors).extracting(ValidationError::field).containsExactly("result_mapping.s");
    }

    @Test
    void knowsWhichFieldsAResultCannotHave() {
        var tool = tool("{}", "{\"properties\": {\"a\": {}, \"b\": {}}, \"additionalProperties\": false}");

        var errors = check(
                        tool,
                        Map.of(),
                        Map.of("a", new ResultMapping.Ignore(), "c", new ResultMapping.AssetField(PENDING)))
                .errors();

        assertThat(errors).singleElement().satisfies(error -> {
            assertThat(error.field()).isEqualTo("result_mapping.c");
            assertThat(error.message()).contains("one of a, b");
        });
    }

    @Test
    void goesOnWithoutTheTool() {
        var errors = StepCheck.of(
                        fields(Map.of("p", new AssetField(GONE)), Map.of()), hop(), Optional.empty(), around(Set.of()))
                .errors();

        assertThat(errors).extracting(ValidationError::field).containsExactly("tool_id", "parameter_mapping.p");
    }

    @Test
    void refusesParametersThatAreTooLargeForAnOrder() {
        var half = "\"" + "x".repeat(600 * 1024) + "\"";

        var errors = check(tool("{}"), Map.of("a", new LiteralValue(half), "b", new LiteralValue(half)), Map.of())
                .errors();

        assertThat(errors).singleElement().satisfies(error -> {
            assertThat(error.field()).isEqualTo("parameter_mapping");
            assertThat(error.message()).contains("1228").contains("expected: <=");
        });
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"a\": null}",
                "{\"a\": [1, 2, 3, true, \"é…\"], \"b\": {\"c\": {}}, \"d\": []}",
                "{\"long\": \"0123456789012345678901234567890123456789012345678901234567890123456789"
                        + "0123456789012345678901234567890123456789012345678901234567890123456789\"}",
            })
    void measuresJsonAsItTravels(String json) throws Exception {
        var struct = Struct.newBuilder();
        JsonFormat.parser().merge(json, struct);

        assertThat(JsonSize.asStruct(JsonMapper.shared().readTree(json)))
                .isEqualTo(struct.build().getSerializedSize());
    }

    private static StepCheck.Outcome check(
            Optional<Tool> tool, Map<String, ParameterMapping> parameters, Map<String, ResultMapping> results) {
        return StepCheck.of(fields(parameters, results), hop(), tool, around(Set.of()));
    }

    private static ToolStep.Fields fields(
            Map<String, ParameterMapping> parameters, Map<String, ResultMapping> results) {
        return new ToolStep.Fields(
                "t",
                "A step",
                "",
                new TreeMap<>(parameters),
                new TreeMap<>(results),
                "{\"both\": \"step\", \"null of the step\": null}",
                false);
    }

    private static Surroundings around(Set<UUID> promised) {
        var assets = new HashMap<UUID, Asset>();
        for (var asset : List.of(
                asset(READY, AssetScopeType.MISSION, MISSION, AssetStatus.READY),
                asset(PENDING, AssetScopeType.HOP, HOP, AssetStatus.PENDING),
                asset(FOREIGN, AssetScopeType.MISSION, OTHER, AssetStatus.READY),
                asset(OF_OTHER_HOP, AssetScopeType.HOP, OTHER, AssetStatus.READY))) {
            assets.put(asset.id(), asset);
        }
        return new Surroundings(
                assets,
                Map.of(READY, "{\"content\": true}"),
                promised,
                "{\"config\": {\"both\": \"mission\", \"only mission\": 1, \"null of the step\": 2}}",
                Map.of());
    }

    private static Optional<Tool> tool(String inputSchema) {
        return tool(inputSchema, "{}");
    }

    private static Optional<Tool> tool(String inputSchema, String outputSchema) {
        return Optional.of(new Tool(
                "t",
                "A tool",
                "",
                inputSchema,
                outputSchema,
                "work",
                Duration.ofHours(1),
                RetryPolicy.DEFAULT,
                List.of(),
                Instant.EPOCH,
                Instant.EPOCH,
                1));
    }

    private static Hop hop() {
        return new Hop(
                HOP,
                MISSION,
                new Hop.Fields("A hop", "", "", false, false, false),
                HopStatus.ACTIVE,
                0,
                "",
                false,
                null,
                Instant.EPOCH,
                null,
                Instant.EPOCH,
                Instant.EPOCH,
                1);
    }

    private static Asset asset(UUID id, AssetScopeType scopeType, UUID scopeId, AssetStatus status) {
        return new Asset(
                id,
                new UUID(0, 1),
                scopeType,
                scopeId,
                MISSION,
                new Asset.Fields("An asset", "", "text", "", AssetRole.INTERMEDIATE, "", "", List.of(), List.of()),
                status,
                null,
                null,
                0,
                1,
                1,
                Instant.EPOCH,
                Instant.EPOCH,
                1);
    }
}
