package dev.sortie.mission.domain;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A record of an older system, read column by column. Whatever is not as it must be rejects the record and names the
 * column; in the end no column may be left that nobody has read. Databases export JSON columns as JSON or as text, and
 * booleans as numbers: both are taken.
 */
final class ImportColumns {
    static final int KIB = 1024;
    static final int MAX_TEXT = 65_536;

    /** As JSON of this depth, a message is still well within what clients decode. */
    private static final int MAX_DEPTH = 25;

    private static final int MAX_NOTES = 20;
    private static final int MAX_NOTE = 300;
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final Pattern TIME = Pattern.compile(
            "([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\\.[0-9]{1,9})?)?) ?(Z|[+-][0-9]{2}(?::?[0-9]{2})?|UTC)?)?");
    private static final Pattern NO_TIME = Pattern.compile("0000-00-00([T ]00:00:00(\\.0+)?)?");

    private final JsonNode object;
    private final String path;
    private final List<String> notes;
    private final Set<String> unread;

    private ImportColumns(JsonNode object, String path, List<String> notes) {
        this.object = object;
        this.path = path;
        this.notes = notes;
        this.unread = new LinkedHashSet<>(object.propertyNames());
    }

    /** A whole record. */
    static ImportColumns of(JsonNode record, List<String> notes) {
        if (!record.isObject()) {
            throw new ImportRejection("", "the record is no object");
        }
        return new ImportColumns(record, "", notes);
    }

    /** Refuses whatever the database or a message could not hold, anywhere in a record. */
    static void check(JsonNode node, String path, int depth) {
        if (depth > 3 * MAX_DEPTH) {
            throw new ImportRejection(path, "nested too deep");
        }
        if (node.isString()) {
            checkText(node.stringValue(), path);
        } else if (node.isNumber()) {
            if (!Double.isFinite(node.doubleValue())) {
                throw new ImportRejection(path, "a number that is too large");
            }
        } else if (node.isObject()) {
            node.properties().forEach(entry -> {
                var name = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
                checkText(entry.getKey(), path);
                check(entry.getValue(), shorten(name), depth + 1);
            });
        } else {
            int index = 0;
            for (var element : node) {
                check(element, shorten(path + "[" + index++ + "]"), depth + 1);
            }
        }
    }

    private static void checkText(String text, String path) {
        if (!Texts.clean(text).equals(text)) {
            throw new ImportRejection(path, "has a character that is none: NUL or half of a pair");
        }
    }

    private static String shorten(String path) {
        return Texts.cut(path, MAX_NOTE);
    }

    // ---- what is told ----

    /** Rejects the record for what a column holds. */
    ImportRejection rejected(String name, String reason) {
        return new ImportRejection(shorten(pathOf(name)), reason);
    }

    /** Tells that something was dropped or adapted. */
    void note(String name, String text) {
        if (notes.size() < MAX_NOTES - 1) {
            notes.add(Texts.cut(pathOf(name) + ": " + text, MAX_NOTE));
        } else if (notes.size() < MAX_NOTES) {
            notes.add("and more");
        }
    }

    /** Tells of each of these columns that nobody has read and that has something in it that it has no place any more. */
    void drop(String why, String... names) {
        for (var name : names) {
            if (!unread.contains(name)) {
                continue;
            }
            var value = take(name);
            if (!isAbsent(value) && !(value.isContainer() && value.isEmpty())) {
                note(name, "dropped: " + why);
            }
        }
    }

    /** Rejects the record when it has a column that nobody read. */
    void done() {
        if (!unread.isEmpty()) {
            throw rejected(unread.iterator().next(), "there is no such column");
        }
    }

    String pathOf(String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    // ---- columns ----

    boolean has(String name) {
        return !isAbsent(object.get(name));
    }

    /** The first of several names that a column goes by. */
    String either(String name, String... others) {
        var names = Stream.concat(Stream.of(name), Stream.of(others)).toList();
        names.stream().filter(one -> !has(one)).forEach(unread::remove);
        return names.stream().filter(this::has).findFirst().orElse(name);
    }

    /** Text; empty where there is none. */
    String text(String name, int max) {
        var value = take(name);
        if (isAbsent(value)) {
            return "";
        }
        if (!value.isString()) {
            throw rejected(name, "no text");
        }
        return fitting(name, value.stringValue(), max);
    }

    /** Text that must be there. */
    String required(String name, int max) {
        var text = text(name, max);
        if (text.isBlank()) {
            throw rejected(name, "missing");
        }
        return text;
    }

    private String fitting(String name, String text, int max) {
        int length = text.codePointCount(0, text.length());
        if (length > max) {
            throw rejected(name, "too long: " + length + " characters (expected: <= " + max + ")");
        }
        return text;
    }

    /** An id of the older system, a number or text; null where there is none. */
    @Nullable
    String id(String name) {
        var value = take(name);
        if (isAbsent(value)) {
            return null;
        }
        if (value.isIntegralNumber()) {
            return fitting(name, value.asString(), 255);
        }
        if (!value.isString() || value.stringValue().isBlank()) {
            throw rejected(name, "neither a number nor text");
        }
        return fitting(name, value.stringValue(), 255);
    }

    /** An id that must be there. */
    String requiredId(String name) {
        var id = id(name);
        if (id == null) {
            throw rejected(name, "missing");
        }
        return id;
    }

    /** A whole number; null where there is none. */
    @Nullable
    Long integer(String name, long min, long max) {
        var value = take(name);
        if (isAbsent(value)) {
            return null;
        }
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw rejected(name, "no whole number");
        }
        long number = value.longValue();
        if (number < min || number > max) {
            throw rejected(name, number + " (expected: " + min + " to " + max + ")");
        }
        return number;
    }

    /** A number of at least 0; null where there is none. */
    @Nullable
    Double amount(String name) {
        var value = take(name);
        if (isAbsent(value)) {
            return null;
        }
        if (!value.isNumber() || value.doubleValue() < 0) {
            throw rejected(name, "no number of at least 0");
        }
        return value.doubleValue();
    }

    boolean flag(String name, boolean absent) {
        var value = take(name);
        if (isAbsent(value)) {
            return absent;
        }
        if (value.isBoolean()) {
            return value.booleanValue();
        }
        if (value.isIntegralNumber()
                && (value.asString().equals("0") || value.asString().equals("1"))) {
            return value.asString().equals("1");
        }
        throw rejected(name, "neither true nor false");
    }

    /** A time, as ISO 8601 or as a database prints it, in UTC unless it says otherwise; null where there is none. */
    @Nullable
    Instant time(String name) {
        var text = text(name, 100).strip();
        if (text.isEmpty()) {
            return null;
        }
        if (NO_TIME.matcher(text).matches()) {
            note(name, "no time, as the older system put it");
            return null;
        }
        var parts = TIME.matcher(text);
        if (parts.matches()) {
            var clock = parts.group(2) == null ? "00:00" : parts.group(2);
            var zone = parts.group(3) == null || parts.group(3).equals("UTC") ? "Z" : parts.group(3);
            if (zone.length() == 3) {
                zone += ":00";
            } else if (zone.length() == 5) {
                zone = zone.substring(0, 3) + ":" + zone.substring(3);
            }
            try {
                var time = OffsetDateTime.parse(parts.group(1) + "T" + clock + zone)
                        .toInstant()
                        .truncatedTo(ChronoUnit.MICROS);
                if (!time.isBefore(Instant.parse("0001-01-01T00:00:00Z"))
                        && time.isBefore(Instant.parse("+10000-01-01T00:00:00Z"))) {
                    return time;
                }
            } catch (DateTimeException _) {
                // told below
            }
        }
        throw rejected(name, "no time (expected: such as 2025-11-08T23:59:59Z or 2025-11-08 23:59:59)");
    }

    /** One of some words, whatever the case of its letters; null where there is none. */
    <E> @Nullable E choice(String name, Map<String, E> words) {
        var text = text(name, 100);
        if (text.isBlank()) {
            return null;
        }
        var word = text.strip().toLowerCase(Locale.ROOT).replace('-', '_').replace(' ', '_');
        var chosen = words.get(word);
        if (chosen == null) {
            throw rejected(name, Texts.cut(text, 50) + " (expected: " + String.join(", ", words.keySet()) + ")");
        }
        return chosen;
    }

    /** One of some words that must be there. */
    <E> E requiredChoice(String name, Map<String, E> words) {
        var chosen = choice(name, words);
        if (chosen == null) {
            throw rejected(name, "missing (expected: " + String.join(", ", words.keySet()) + ")");
        }
        return chosen;
    }

    // ---- columns of JSON ----

    /** Any JSON; null where there is none. */
    @Nullable
    JsonNode json(String name) {
        var value = take(name);
        return isAbsent(value) ? null : value;
    }

    /** JSON that may have been exported as text; null where there is none. */
    private @Nullable JsonNode structure(String name) {
        var value = json(name);
        if (value == null || !value.isString()) {
            return value;
        }
        var text = value.stringValue();
        if (text.isBlank()) {
            return null;
        }
        JsonNode parsed;
        try {
            parsed = JSON.readTree(text);
        } catch (JacksonException broken) {
            throw rejected(name, "no JSON: " + Texts.cut(Texts.clean(broken.getOriginalMessage()), 100));
        }
        check(parsed, pathOf(name), 0);
        return isAbsent(parsed) ? null : parsed;
    }

    /** An object as text; {@code {}} where there is none. */
    String object(String name, int maxBytes) {
        var value = structure(name);
        if (value == null) {
            return "{}";
        }
        if (!value.isObject()) {
            throw rejected(name, "no object");
        }
        return fittingJson(name, value, maxBytes);
    }

    /** JSON as text, if it is not too much for a message. */
    String fittingJson(String name, JsonNode value, int maxBytes) {
        if (depth(value) > MAX_DEPTH) {
            throw rejected(name, "nested more than " + MAX_DEPTH + " deep");
        }
        if (JsonSize.asValue(value) > maxBytes) {
            throw rejected(name, "more than " + maxBytes / KIB + " KiB");
        }
        return value.toString();
    }

    /** The columns of an object within the record; null where there is none. */
    @Nullable
    ImportColumns columns(String name) {
        var value = structure(name);
        if (value == null) {
            return null;
        }
        if (!value.isObject()) {
            throw rejected(name, "no object");
        }
        return new ImportColumns(value, pathOf(name), notes);
    }

    /** The elements of an array, each an object. */
    List<ImportColumns> rows(String name, int max) {
        return elements(name, max, (element, own) -> {
            if (!element.isObject()) {
                throw new ImportRejection(own, "no object");
            }
            return new ImportColumns(element, own, notes);
        });
    }

    /** The elements of an array, each text that is not empty. */
    List<String> texts(String name, int max, int maxLength) {
        return elements(name, max, (element, own) -> {
            if (!element.isString() || element.stringValue().isEmpty()) {
                throw new ImportRejection(own, "no text");
            }
            var text = element.stringValue();
            if (text.codePointCount(0, text.length()) > maxLength) {
                throw new ImportRejection(own, "too long (expected: <= " + maxLength + " characters)");
            }
            return text;
        });
    }

    private interface Element<T> {
        T read(JsonNode element, String path);
    }

    private <T> List<T> elements(String name, int max, Element<T> reader) {
        var value = structure(name);
        if (value == null) {
            return List.of();
        }
        if (!value.isArray()) {
            throw rejected(name, "no array");
        }
        if (value.size() > max) {
            throw rejected(name, "more than " + max + " elements");
        }
        var elements = new ArrayList<T>();
        for (var element : value) {
            elements.add(reader.read(element, pathOf(name) + "[" + elements.size() + "]"));
        }
        return elements;
    }

    /** Everything that is left, by name. */
    Map<String, JsonNode> rest() {
        var rest = new LinkedHashMap<String, JsonNode>();
        for (var name : List.copyOf(unread)) {
            rest.put(name, take(name));
        }
        return rest;
    }

    /** Reads each object in a column that holds some by name. */
    void each(String name, int max, BiConsumer<String, ImportColumns> reader) {
        var all = columns(name);
        if (all == null) {
            return;
        }
        if (all.object.size() > max) {
            throw rejected(name, "more than " + max + " entries");
        }
        for (var entry : List.copyOf(all.object.properties())) {
            if (entry.getKey().isEmpty() || entry.getKey().length() > 255) {
                throw rejected(name, "a name that is empty or longer than 255 characters");
            }
            if (!entry.getValue().isObject()) {
                throw all.rejected(entry.getKey(), "no object");
            }
            reader.accept(entry.getKey(), new ImportColumns(entry.getValue(), all.pathOf(entry.getKey()), notes));
        }
    }

    /** The value of an optional column, or what stands for it where there is none. */
    static <T> T or(@Nullable T value, T other) {
        return value == null ? other : value;
    }

    private JsonNode take(String name) {
        unread.remove(name);
        var value = object.get(name);
        return value == null ? JSON.nullNode() : value;
    }

    private static boolean isAbsent(@Nullable JsonNode value) {
        return value == null || value.isNull() || value.isMissingNode();
    }

    private static int depth(JsonNode node) {
        int deepest = 0;
        for (var child : node) {
            deepest = Math.max(deepest, depth(child));
        }
        return node.isContainer() ? deepest + 1 : deepest;
    }
}
