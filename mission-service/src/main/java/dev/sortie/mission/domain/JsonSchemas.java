package dev.sortie.mission.domain;

import com.networknt.schema.Error;
import com.networknt.schema.ExecutionContext;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaException;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.SpecificationVersion;
import com.networknt.schema.ValidationLimitExceededException;
import com.networknt.schema.path.PathType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * JSON Schema 2020-12, and nothing that lies outside of the schema at hand: a reference to an address is a problem and
 * is never fetched.
 */
public final class JsonSchemas {
    private static final String DIALECT = SpecificationVersion.DRAFT_2020_12.getDialectId();
    private static final String META_SCHEMAS = "https://json-schema.org/draft/2020-12/";
    private static final String ENDLESS = "the schema refers to itself without end";
    private static final String TOO_COMPLEX = "the schema takes too many steps to check this value";
    /** Some seconds' worth; a mebibyte of JSON takes a tenth of it under an ordinary schema. */
    private static final long MAX_STEPS = 3_000_000;

    private static final JsonMapper JSON = new JsonMapper();
    private static final SchemaRegistry REGISTRY = SchemaRegistry.withDefaultDialect(
            SpecificationVersion.DRAFT_2020_12,
            builder -> builder.schemaLoader(
                            loader -> loader.allow(address -> address.toString().startsWith(META_SCHEMAS)))
                    .schemaCacheEnabled(false) // schemas of different tools may bear the same $id
                    .schemaRegistryConfig(new SchemaRegistryConfig.Builder()
                            .locale(Locale.ROOT)
                            .pathType(PathType.JSON_POINTER)
                            .losslessNarrowing(true) // 3.0 is an integer
                            .cacheRefs(true)
                            .regularExpressionFactory(BoundedPattern::of)
                            .preloadSchema(true)
                            .build()));
    private static final Schema META_SCHEMA = REGISTRY.getSchema(SchemaLocation.of(DIALECT));

    private JsonSchemas() {}

    /**
     * One thing about a value that its schema does not allow.
     *
     * @param path where in the value, as a JSON pointer; empty for the value itself
     * @param keyword of the schema that does not allow it, such as {@code required}; empty for none
     * @param property of the value there that is missing or should not be there; empty for none
     * @param message what is wrong there
     */
    public record Finding(String path, String keyword, String property, String message) {
        @Override
        public String toString() {
            return path.isEmpty() ? message : path + ": " + message;
        }
    }

    /**
     * What keeps a text from being the schema of an object: each a phrase that begins with where in the schema it is.
     * Empty for a good one.
     *
     * @param schema a JSON object, as text
     */
    public static List<String> problemsOf(String schema) {
        JsonNode node;
        try {
            node = JSON.readTree(schema);
        } catch (JacksonException malformed) {
            return List.of("no JSON (expected: a JSON Schema)");
        }
        var problems = new ArrayList<String>();
        var dialect = node.path("$schema");
        if (!dialect.isMissingNode()
                && !dialect.stringValue("").replaceFirst("#$", "").equals(DIALECT)) {
            return List.of("/$schema: another dialect (expected: " + DIALECT + ")");
        }
        var type = node.path("type");
        if (!type.isMissingNode() && !type.stringValue("").equals("object")) {
            problems.add("/type: no object schema (expected: object)");
        }
        META_SCHEMA.validate(node).stream()
                .map(JsonSchemas::toFinding)
                .forEach(found -> problems.add(found.toString()));
        if (problems.isEmpty()) {
            try {
                evaluate(node, JSON.createObjectNode());
            } catch (SchemaException unusable) {
                problems.add(firstLine(unusable));
            } catch (ValidationLimitExceededException endless) {
                problems.add(TOO_COMPLEX);
            } catch (StackOverflowError endless) {
                problems.add(ENDLESS);
            }
        }
        return problems;
    }

    /** What the schema does not allow about the value. Empty where the value fits. */
    public static List<Finding> validate(JsonNode schema, JsonNode value) {
        try {
            return evaluate(schema, value).stream().map(JsonSchemas::toFinding).toList();
        } catch (SchemaException unusable) { // some references are followed only when a value leads to them
            return List.of(new Finding("", "", "", firstLine(unusable)));
        } catch (ValidationLimitExceededException endless) {
            return List.of(new Finding("", "", "", TOO_COMPLEX));
        } catch (StackOverflowError endless) {
            return List.of(new Finding("", "", "", ENDLESS));
        }
    }

    private static List<Error> evaluate(JsonNode schema, JsonNode value) {
        var compiled = REGISTRY.getSchema(schema);
        compiled.initializeValidators();
        Consumer<ExecutionContext> bounded =
                context -> context.executionConfig(config -> config.maxEvaluationSteps(MAX_STEPS));
        return BoundedPattern.within(() -> compiled.validate(value, bounded));
    }

    private static Finding toFinding(Error error) {
        return new Finding(
                error.getInstanceLocation().toString(),
                Objects.requireNonNullElse(error.getKeyword(), ""),
                Objects.requireNonNullElse(error.getProperty(), ""),
                error.getMessage());
    }

    private static String firstLine(SchemaException unusable) {
        var message = unusable.getMessage();
        return message == null
                ? "cannot be used as a schema"
                : message.lines().findFirst().orElse("");
    }
}
