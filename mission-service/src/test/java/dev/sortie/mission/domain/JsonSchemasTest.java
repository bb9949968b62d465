package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

class JsonSchemasTest {
    private static final JsonMapper JSON = new JsonMapper();

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{'type': 'object', 'properties': {'path': {'type': 'string', 'minLength': 1.0}}, 'required': ['path']}",
                "{'$schema': 'https://json-schema.org/draft/2020-12/schema', 'type': 'object'}",
                "{'$schema': 'https://json-schema.org/draft/2020-12/schema#', 'type': 'object'}",
                "{'$defs': {'count': {'type': 'integer'}}, 'properties': {'n': {'$ref': '#/$defs/count'}}}",
                "{'$id': 'https://example.com/a', '$defs': {'b': {'$id': 'b', 'type': 'string'}}, 'properties': {'b': {'$ref': 'b'}}}",
                "{'x-unknown-keyword': 1}",
            })
    void acceptsGoodSchemas(String schema) {
        assertThat(JsonSchemas.problemsOf(quoted(schema))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'type': 'objekt'}",
                "{'type': 'string'}",
                "{'type': ['object', 'null']}",
                "{'required': 'path'}",
                "{'properties': {'path': {'type': 'text'}}}",
                "{'properties': {'path': {'minLength': -1}}}",
                "{'properties': {'path': {'pattern': '('}}}",
                "{'properties': {'path': {'$ref': '#/$defs/nowhere'}}}",
                "{'$schema': 'http://json-schema.org/draft-07/schema#'}",
                "{'$schema': 7}",
                "{'$ref': 'http://127.0.0.1:1/schema.json'}",
                "{'$ref': 'file:///etc/hostname'}",
                "{'$ref': 'classpath:logback.xml'}",
                "{'$ref': '#'}",
                "{'allOf': [{'$ref': '#'}]}",
            })
    void saysWhatIsWrongWithBadSchemas(String schema) {
        assertThat(JsonSchemas.problemsOf(quoted(schema)))
                .isNotEmpty()
                .allSatisfy(problem -> assertThat(problem).isNotBlank().doesNotContain("networknt", "\n"));
    }

    @Test
    void namesThePlaceOfEachProblem() {
        assertThat(JsonSchemas.problemsOf(
                        quoted("{'properties': {'a': {'type': 'text'}, 'b': {'maxLength': 'long'}}}")))
                .anySatisfy(problem -> assertThat(problem).startsWith("/properties/a/type: "))
                .anySatisfy(problem -> assertThat(problem).startsWith("/properties/b/maxLength: "));
    }

    @Test
    void refusesWhatIsNoJson() {
        assertThat(JsonSchemas.problemsOf("{")).isEqualTo(List.of("no JSON (expected: a JSON Schema)"));
    }

    @Test
    void findsWhatAValueBreaks() {
        var schema = JSON.readTree(
                quoted(
                        "{'type': 'object', 'properties': {'n': {'type': 'integer'}}, 'required': ['path'], 'additionalProperties': false}"));
        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'path': 1}"))))
                .isNotEmpty();
        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'n': 1.5}"))))
                .anySatisfy(finding -> assertThat(finding.path()).isEqualTo("/n"))
                .anySatisfy(finding -> {
                    assertThat(finding.path()).isEmpty();
                    assertThat(finding.message()).contains("path");
                });
    }

    @Test
    void findsThatAReferenceLeadsOutOfTheSchemaWhenItIsFollowed() {
        var schema = JSON.readTree(quoted("{'properties': {'a': {'$dynamicRef': 'http://127.0.0.1:1/x'}}}"));
        assertThat(JsonSchemas.validate(schema, JSON.readTree("{}"))).isEmpty();
        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'a': 1}"))))
                .hasSize(1);
    }

    @Test
    void followsARecursiveSchemaAsFarAsTheValueGoes() {
        var schema = JSON.readTree(quoted("{'properties': {'child': {'$ref': '#'}, 'n': {'type': 'integer'}}}"));
        var value = JSON.readTree(quoted("{'child': {'child': {'n': 'x'}}}"));
        assertThat(JsonSchemas.problemsOf(schema.toString())).isEmpty();
        assertThat(JsonSchemas.validate(schema, value))
                .extracting(JsonSchemas.Finding::path)
                .containsExactly("/child/child/n");
    }

    @Test
    void takesAWholeNumberForAnIntegerHoweverItIsWritten() {
        var schema = JSON.readTree(quoted("{'properties': {'n': {'type': 'integer'}}}"));
        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'n': 3.0}"))))
                .isEmpty();
    }

    @Test
    void keepsSchemasWithTheSameIdApart() {
        var number = JSON.readTree(quoted("{'$id': 'https://example.com/x', 'properties': {'v': {'type': 'number'}}}"));
        var text = JSON.readTree(quoted("{'$id': 'https://example.com/x', 'properties': {'v': {'type': 'string'}}}"));
        var value = JSON.readTree(quoted("{'v': 'a'}"));
        assertThat(JsonSchemas.validate(number, value)).hasSize(1);
        assertThat(JsonSchemas.validate(text, value)).isEmpty();
        assertThat(JsonSchemas.validate(number, value)).hasSize(1);
    }

    @Test
    void givesUpOnAPatternThatWouldSearchForYears() {
        var schema = JSON.readTree(quoted("{'properties': {'v': {'pattern': '^(a+)+\\\\1?$'}}}"));
        assertThat(JsonSchemas.problemsOf(schema.toString())).isEmpty();
        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'v': 'aaaa'}"))))
                .isEmpty();
        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'v': '" + "a".repeat(60) + "!'}"))))
                .singleElement()
                .extracting(JsonSchemas.Finding::message)
                .asString()
                .contains("takes too long");
    }

    @Test
    void givesUpOnASchemaThatBranchesWithoutEnd() {
        var schema = JSON.createObjectNode();
        var definitions = schema.putObject("$defs");
        for (int i = 0; i < 40; i++) {
            var both = definitions.putObject("d" + i).putArray("allOf");
            both.addObject().put("$ref", "#/$defs/d" + (i + 1));
            both.addObject().put("$ref", "#/$defs/d" + (i + 1));
        }
        definitions.putObject("d40");
        schema.putObject("properties").putObject("v").put("$ref", "#/$defs/d0");

        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'v': 1}"))))
                .singleElement()
                .extracting(JsonSchemas.Finding::message)
                .asString()
                .contains("too many steps");
    }

    @Test
    void takesAnchorsAsTheStandardDoes() {
        var schema = JSON.readTree(quoted("{'properties': {'v': {'pattern': '^a$'}}}"));
        assertThat(JsonSchemas.validate(schema, JSON.readTree(quoted("{'v': 'a'}"))))
                .isEmpty();
        assertThat(JsonSchemas.validate(schema, JSON.createObjectNode().put("v", "a\n")))
                .hasSize(1);
    }

    private static String quoted(String json) {
        return json.replace('\'', '"');
    }
}
