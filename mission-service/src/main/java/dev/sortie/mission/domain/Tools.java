package dev.sortie.mission.domain;

import dev.sortie.mission.store.ToolStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.Failure.FieldViolation;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What workers can do for steps. */
public final class Tools {
    private static final int MAX_PROBLEMS = 20;

    private final ToolStore store;
    private final ToolUse use;

    public Tools(ToolStore store, ToolUse use) {
        this.store = store;
        this.use = use;
    }

    /**
     * Creates a tool or makes the one with that id as the draft says. Where nothing is different nothing changes.
     *
     * @param etag the version it must have; empty for any, and for one that is not there yet
     */
    public Tool put(Tx tx, ToolDraft draft, String etag) {
        checkSchemas(draft);
        var present = store.lockForChange(tx, draft.toolId());
        if (present.isEmpty()) {
            checkEtag(draft.toolId(), null, etag);
            var made = store.insertUnlessThere(tx, draft);
            if (made.isPresent()) {
                note(tx, Change.Kind.CREATED, made.get());
                return made.get();
            }
            // Somebody else put it between the two statements, and it is visible and locked now.
            present = store.lockForChange(tx, draft.toolId());
        }
        var tool = present.orElseThrow(() -> new IllegalStateException("tool " + draft.toolId() + " comes and goes"));
        checkEtag(draft.toolId(), tool, etag);
        var changed = store.updateIfDifferent(tx, draft);
        changed.ifPresent(now -> note(tx, Change.Kind.UPDATED, now));
        return changed.orElse(tool);
    }

    /** The tool, where there is one. In a transaction: it is not deleted before the end. */
    public Optional<Tool> find(Queries queries, String toolId) {
        return queries instanceof Tx tx ? store.lockForUse(tx, toolId) : store.find(queries, toolId);
    }

    public Tool get(Queries queries, String toolId) {
        return store.find(queries, toolId).orElseThrow(() -> notFound(toolId));
    }

    /**
     * A page of tools by id.
     *
     * @param queueName only those whose work goes to it; empty for all
     */
    public Page<Tool> list(Queries queries, String queueName, PageRequest page) {
        var after = page.after();
        return page.page(
                store.list(queries, queueName, after == null ? "" : after.text(0), page.limit()),
                tool -> Keyset.of(tool.toolId()));
    }

    /** Deletes a tool that no open step uses, and returns it as it was. */
    public Tool delete(Tx tx, String toolId, String etag) {
        // Who makes a step finds its tool in the same transaction, so that none can appear after the count.
        var tool = store.lockForDelete(tx, toolId).orElseThrow(() -> notFound(toolId));
        checkEtag(toolId, tool, etag);
        long open = use.openSteps(tx, toolId);
        if (open > 0) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_TOOL_IN_USE,
                            "%d unfinished steps use tool %s; finish or cancel them first",
                            open,
                            toolId)
                    .with("tool_id", toolId)
                    .with("open_steps", open)
                    .exception();
        }
        store.delete(tx, toolId);
        note(tx, Change.Kind.DELETED, tool);
        return tool;
    }

    private static void checkSchemas(ToolDraft draft) {
        var violations = new ArrayList<FieldViolation>();
        addProblems(violations, "tool.input_schema", draft.inputSchema());
        addProblems(violations, "tool.output_schema", draft.outputSchema());
        if (!violations.isEmpty()) {
            throw Failure.invalidArgument(dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID, violations)
                    .with("field_count", violations.size())
                    .exception();
        }
    }

    private static void addProblems(List<FieldViolation> violations, String field, @Nullable String schema) {
        if (schema != null) {
            JsonSchemas.problemsOf(schema).stream()
                    .limit(MAX_PROBLEMS)
                    .forEach(problem -> violations.add(new FieldViolation(field, problem)));
        }
    }

    private static void checkEtag(String toolId, @Nullable Tool tool, String etag) {
        var current = tool == null ? "" : Long.toString(tool.version());
        if (!etag.isEmpty() && !etag.equals(current)) {
            throw Failure.aborted(
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                            "tool %s has changed since it was read; read it again and decide anew",
                            toolId)
                    .with("resource", "tool")
                    .with("id", toolId)
                    .with("etag", current)
                    .exception();
        }
    }

    private static RuntimeException notFound(String toolId) {
        return Failure.notFound(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND,
                        "tool %s does not exist",
                        toolId)
                .with("resource", "tool")
                .with("id", toolId)
                .exception();
    }

    private static void note(Tx tx, Change.Kind kind, Tool tool) {
        // The log knows resources by UUID: one that is always the same for the same name stands for the tool.
        var id = UUID.nameUUIDFromBytes(tool.toolId().getBytes(StandardCharsets.UTF_8));
        tx.change(new Change("tool", id, kind, tool.version(), Map.of())
                .with("tool_id", tool.toolId())
                .with("queue_name", tool.queueName()));
    }
}
