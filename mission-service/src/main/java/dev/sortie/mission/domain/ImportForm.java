package dev.sortie.mission.domain;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The older systems whose records are known, each with its tables and what identifies their rows. */
enum ImportForm {
    MISSION_SYSTEM(Map.of("users", "user_id", "missions", "id", "assets", "id"), Map.of()),
    MISSION_DECK(
            Map.of("missions", "id", "dod_items", "id", "test_runs", "id"), Map.of("chat_messages", Elsewhere.AGENT)),
    AGENTVINE(
            Map.of("users", "id", "tasks", "id", "task_dependencies", "id"),
            Map.of(
                    "workers", Elsewhere.AGENT,
                    "worker_capabilities", Elsewhere.AGENT,
                    "worker_assignments", Elsewhere.AGENT,
                    "work_orders", Elsewhere.AGENT,
                    "executions", Elsewhere.AGENT,
                    "execution_logs", Elsewhere.AGENT,
                    "chat_messages", Elsewhere.AGENT,
                    "chat_attachments", Elsewhere.AGENT,
                    "context_documents", Elsewhere.KNOWLEDGE));

    private final Map<String, String> ids;
    private final Map<String, Elsewhere> elsewhere;

    /** @param ids the column with the id, of each table that is imported here */
    ImportForm(Map<String, String> ids, Map<String, Elsewhere> elsewhere) {
        this.ids = ids;
        this.elsewhere = elsewhere;
    }

    /** Who has the tables that are not imported here. */
    enum Elsewhere {
        AGENT("agent-service"),
        KNOWLEDGE("knowledge-service");

        private final String service;

        Elsewhere(String service) {
            this.service = service;
        }
    }

    /** As it stands in a line: {@code mission-system}. */
    String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static Optional<ImportForm> of(String label) {
        return Stream.of(values()).filter(form -> form.label().equals(label)).findFirst();
    }

    static String labels() {
        return String.join(", ", Stream.of(values()).map(ImportForm::label).toList());
    }

    /** The column with the id of a table's rows. */
    String idColumn(String table) {
        var column = ids.get(table);
        if (column != null) {
            return column;
        }
        var owner = elsewhere.get(table);
        throw new ImportRejection(
                "",
                owner == null
                        ? "there is no table " + Texts.cut(Texts.clean(table), 50) + " in " + label()
                        : table + " belong to " + owner.service + ", not to this import");
    }

    /** A table of a form. */
    record Table(ImportForm form, String name) {}

    /** What a row is, where its columns leave no doubt; else null. */
    static @Nullable Table recognize(JsonNode row) {
        if (row.has("current_hop") || row.has("hop_history")) {
            return new Table(MISSION_SYSTEM, "missions");
        }
        if (row.has("scope_type") && row.has("scope_id")) {
            return new Table(MISSION_SYSTEM, "assets");
        }
        if (row.has("title") && row.has("client") && row.has("budget")) {
            return new Table(MISSION_DECK, "missions");
        }
        if (row.has("mission_id") && row.has("text") && row.has("category")) {
            return new Table(MISSION_DECK, "dod_items");
        }
        if (row.has("mission_id") && row.has("status") && (row.has("results") || row.has("summary"))) {
            return new Table(MISSION_DECK, "test_runs");
        }
        if (row.has("mission_id") && row.has("citizen") && row.has("message")) {
            return new Table(MISSION_DECK, "chat_messages");
        }
        if (row.has("username") && row.has("hashed_password")) {
            return new Table(AGENTVINE, "users");
        }
        if (row.has("user_id") && row.has("email") && !row.has("name")) {
            return new Table(MISSION_SYSTEM, "users");
        }
        if (row.has("task_id") && row.has("depends_on_task_id")) {
            return new Table(AGENTVINE, "task_dependencies");
        }
        if (row.has("title") && row.has("task_type") && row.has("permission_level")) {
            return new Table(AGENTVINE, "tasks");
        }
        return null;
    }
}
