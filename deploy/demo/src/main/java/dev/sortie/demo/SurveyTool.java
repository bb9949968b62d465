package dev.sortie.demo;

import com.google.protobuf.Struct;
import java.util.List;
import java.util.Map;

/**
 * Something that the survey's worker can do.
 *
 * @param id the tool's id in mission-service
 * @param parameters the names of the parameters that it requires, each with its JSON Schema type
 * @param results the names of the fields of its result, each with its JSON Schema type
 */
record SurveyTool(
        String id,
        String name,
        String description,
        Map<String, String> parameters,
        Map<String, String> results,
        Work work) {

    /** The queue on which the survey's worker listens. */
    static final String QUEUE = "survey";

    /** Does the work. */
    interface Work {
        Map<String, Object> run(Struct parameters, WorkContext context);
    }

    /** What a tool has at hand besides its parameters. */
    interface WorkContext {

        /** Writes a line to the execution's log. */
        void log(String message);

        /** The id of the order: the same for every attempt at it. */
        String workOrderId();

        /** Stores a document, once per order, and answers its id and the revision to search from. */
        StoredDocument store(String title, String content, String repositoryUrl, List<String> tags);
    }

    /** A stored document. */
    record StoredDocument(String id, String revision) {}

    Struct inputSchema() {
        return schema(parameters);
    }

    Struct outputSchema() {
        return schema(results);
    }

    private static Struct schema(Map<String, String> fields) {
        var properties = Values.map();
        fields.forEach((field, type) -> properties.put(field, Map.of("type", type)));
        return Values.object(
                Values.map("type", "object", "properties", properties, "required", List.copyOf(fields.keySet())));
    }
}
