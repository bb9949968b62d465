package dev.sortie.mission.domain;

import dev.sortie.mission.domain.ImportForm.Table;
import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.DodItemStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.ImportStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.mission.store.TestRunStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.mission.store.UserStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Isolation;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Takes records of older systems, line by line, each in a transaction of its own. */
public final class Imports {
    /** The longest line, in bytes. */
    public static final int MAX_LINE = 8 * 1024 * 1024;

    private static final Logger LOG = LoggerFactory.getLogger(Imports.class);
    private static final List<String> ENVELOPE = List.of("form", "table", "source", "record");
    private static final Pattern SOURCE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(200)
                            .maxNameLength(1_000)
                            .maxStringLength(MAX_LINE)
                            .maxNumberLength(100)
                            .build())
                    .build())
            .build();

    private final Database database;
    private final ImportStore records;
    private final ImportMissionSystem missionSystem;
    private final ImportMissionDeck missionDeck;
    private final ImportUsers users;
    private final ImportAssets assets;
    private final ImportTasks tasks;
    private final Ids ids;

    public Imports(
            Database database,
            ImportStore records,
            UserStore users,
            MissionStore missions,
            HopStore hops,
            ToolStepStore steps,
            AssetStore assets,
            DodItemStore dodItems,
            TestRunStore testRuns,
            MissionFlow flow,
            TaskStore taskStore,
            TaskFlow taskFlow,
            Tasks tasks,
            Ids ids) {
        this.database = database;
        this.records = records;
        this.users = new ImportUsers(users);
        this.assets = new ImportAssets(assets, missions, hops);
        this.missionSystem = new ImportMissionSystem(missions, hops, steps, users, this.assets, flow);
        this.missionDeck = new ImportMissionDeck(missions, dodItems, testRuns, users, flow);
        this.tasks = new ImportTasks(taskStore, users, taskFlow, tasks);
        this.ids = ids;
    }

    /** What came of a record. */
    public enum Outcome {
        CREATED,
        LINKED,
        UNCHANGED,
        CONFLICT,
        REJECTED
    }

    /**
     * What came of one line.
     *
     * @param form empty where it was not recognized, as are table and source id
     * @param resource what it became; empty where it became nothing
     * @param field the column at fault; empty where it is none
     * @param reason empty where nothing is wrong
     */
    public record Imported(
            long line,
            String form,
            String table,
            String sourceId,
            Outcome outcome,
            String resource,
            @Nullable UUID resourceId,
            String field,
            String reason,
            List<String> notes) {}

    /** A line that is too long to be looked at. */
    public static Imported tooLong(long line) {
        return rejected(line, "", "", "", new ImportRejection("", "longer than 8 MiB"));
    }

    /** Takes one line. What is wrong with it is told, not thrown. */
    public Imported take(Principal principal, long line, byte[] bytes) {
        var form = "";
        var table = "";
        var sourceId = "";
        try {
            var envelope = open(parse(bytes));
            form = envelope.table.form().label();
            table = envelope.table.name();
            var idColumn = envelope.table.form().idColumn(table);
            ImportColumns.check(envelope.record, "", 0);
            var notes = new ArrayList<String>();
            var row = ImportColumns.of(envelope.record, notes);
            sourceId = row.requiredId(idColumn);
            var now = database.clock().instant().truncatedTo(ChronoUnit.MICROS);
            var importable = read(envelope.table, row, now);
            return write(principal, line, envelope, sourceId, importable, notes);
        } catch (ImportRejection rejection) {
            return rejected(line, form, table, sourceId, rejection);
        } catch (ConstraintViolation broken) {
            // Every rule is looked at before; what is left is a race with somebody else, or a rule that was forgotten.
            LOG.atWarn()
                    .addKeyValue("line", line)
                    .addKeyValue("constraint", broken.constraint())
                    .log("an imported record breaks a constraint");
            return rejected(
                    line, form, table, sourceId, new ImportRejection("", "breaks the rule " + broken.constraint()));
        } catch (FailureException refused) {
            // What an operation refuses to any caller, it refuses here; what may pass ends the call.
            return switch (refused.failure()) {
                case Failure.InvalidArgument f -> rejected(line, form, table, sourceId, f);
                case Failure.AlreadyExists f -> rejected(line, form, table, sourceId, f);
                case Failure.FailedPrecondition f -> rejected(line, form, table, sourceId, f);
                case Failure.NotFound f -> rejected(line, form, table, sourceId, f);
                default -> throw refused;
            };
        }
    }

    private Importable read(Table table, ImportColumns row, Instant now) {
        return switch (table.form()) {
            case MISSION_SYSTEM ->
                switch (table.name()) {
                    case "users" -> users.missionSystem(row, now);
                    case "missions" -> missionSystem.mission(row, now);
                    default -> assets.row(row, now);
                };
            case MISSION_DECK ->
                switch (table.name()) {
                    case "missions" -> missionDeck.mission(row, now);
                    case "dod_items" -> missionDeck.dodItem(row, now);
                    default -> missionDeck.testRun(row, now);
                };
            case AGENTVINE ->
                switch (table.name()) {
                    case "users" -> users.agentVine(row, now);
                    case "tasks" -> tasks.task(row, now);
                    default -> tasks.dependency(row);
                };
        };
    }

    private Imported write(
            Principal principal,
            long line,
            Envelope envelope,
            String sourceId,
            Importable importable,
            List<String> notes) {
        var hash = sha256(canonical(envelope.record));
        var table = envelope.table;
        return database.transaction(principal, Isolation.READ_COMMITTED, tx -> {
            var target = new ImportTarget(tx, envelope.source, hash, records, ids);
            var existing = importable.existing(target);
            var claimed =
                    target.claim(table.name(), sourceId, importable.resource(), existing.orElseGet(target::newId));
            if (claimed.isEmpty()) {
                var found = target.find(table.name(), sourceId).orElseThrow();
                boolean same = target.isSame(found);
                return new Imported(
                        line,
                        table.form().label(),
                        table.name(),
                        sourceId,
                        same ? Outcome.UNCHANGED : Outcome.CONFLICT,
                        importable.resource(),
                        found.resourceId(),
                        "",
                        same ? "" : "a record with this id was imported before, with other content",
                        List.of());
            }
            var id = existing.isEmpty() ? importable.write(target, claimed.get()) : claimed.get();
            if (!id.equals(claimed.get())) {
                target.become(table.name(), sourceId, id);
            }
            var all = new ArrayList<>(notes);
            all.addAll(target.notes());
            return new Imported(
                    line,
                    table.form().label(),
                    table.name(),
                    sourceId,
                    existing.isEmpty() ? Outcome.CREATED : Outcome.LINKED,
                    importable.resource(),
                    id,
                    "",
                    "",
                    existing.isEmpty() ? all : List.of());
        });
    }

    private static Imported rejected(long line, String form, String table, String sourceId, Failure refused) {
        return rejected(line, form, table, sourceId, new ImportRejection("", refused.message()));
    }

    private static Imported rejected(long line, String form, String table, String sourceId, ImportRejection rejection) {
        return new Imported(
                line,
                form,
                table,
                sourceId,
                Outcome.REJECTED,
                "",
                null,
                rejection.field(),
                Texts.cut(Texts.clean(rejection.reason()), 500),
                List.of());
    }

    // ---- lines ----

    /** A record, and what it is. */
    private record Envelope(Table table, String source, JsonNode record) {}

    private static JsonNode parse(byte[] bytes) {
        String text;
        try {
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException malformed) {
            throw new ImportRejection("", "not UTF-8");
        }
        try {
            return JSON.readTree(text);
        } catch (JacksonException broken) {
            var location = broken.getLocation();
            throw new ImportRejection(
                    "",
                    "no JSON, at character %d: %s"
                            .formatted(
                                    location == null ? 0 : location.getColumnNr(),
                                    Texts.cut(Texts.clean(firstLine(broken)), 200)));
        }
    }

    private static String firstLine(JacksonException broken) {
        return String.valueOf(broken.getOriginalMessage()).lines().findFirst().orElse("");
    }

    private static Envelope open(JsonNode line) {
        if (!line.isObject()) {
            throw new ImportRejection("", "no object");
        }
        if (!line.has("record")) {
            var table = ImportForm.recognize(line);
            if (table == null) {
                throw new ImportRejection(
                        "",
                        "not recognized (expected: {\"form\": …, \"table\": …, \"record\": {…}}, or a row that is)");
            }
            return new Envelope(table, table.form().label(), line);
        }
        for (var name : line.propertyNames()) {
            if (!ENVELOPE.contains(name)) {
                throw new ImportRejection(Texts.cut(Texts.clean(name), 100), "no part of a line");
            }
        }
        var record = line.get("record");
        var form = ImportForm.of(word(line, "form"))
                .orElseThrow(() -> new ImportRejection("form", "expected: " + ImportForm.labels()));
        var source = word(line, "source");
        if (source.isEmpty()) {
            source = form.label();
        } else if (!SOURCE.matcher(source).matches()) {
            throw new ImportRejection("source", "expected: at most 100 letters, digits, '.', '_' and '-'");
        }
        return new Envelope(new Table(form, word(line, "table")), source, record);
    }

    private static String word(JsonNode line, String name) {
        var value = line.get(name);
        if (value == null || value.isNull()) {
            return "";
        }
        if (!value.isString()) {
            throw new ImportRejection(name, "no text");
        }
        return value.stringValue();
    }

    // ---- what a record is recognized by ----

    /** The same for the same content, whatever the order of its columns. */
    private static String canonical(JsonNode node) {
        var text = new StringBuilder();
        canonical(node, text);
        return text.toString();
    }

    private static void canonical(JsonNode node, StringBuilder text) {
        if (node.isObject()) {
            var sorted = new TreeMap<String, JsonNode>();
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                sorted.put(entry.getKey(), entry.getValue());
            }
            text.append('{');
            sorted.forEach((name, value) -> {
                text.append(name.length()).append(':').append(name).append('=');
                canonical(value, text);
            });
            text.append('}');
        } else if (node.isArray()) {
            text.append('[');
            for (var element : node) {
                canonical(element, text);
                text.append(',');
            }
            text.append(']');
        } else {
            text.append(node);
        }
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
