package dev.sortie.runtime.grpc;

import com.google.protobuf.Duration;
import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import com.google.protobuf.util.Timestamps;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Between the types of messages and those of the domain, for codecs. */
public final class Messages {
    /** Whole numbers up to here are the same as a double and as a long. */
    private static final double EXACT = 1L << 53;

    private Messages() {}

    public static Timestamp timestamp(Instant time) {
        return Timestamp.newBuilder()
                .setSeconds(time.getEpochSecond())
                .setNanos(time.getNano())
                .build();
    }

    public static Instant instant(Timestamp time) {
        return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    }

    /**
     * A time that a caller gives, to the microsecond as the database keeps it.
     *
     * @param field its path in the request
     * @throws dev.sortie.runtime.failure.FailureException INVALID_ARGUMENT for one that is not in the years 1 to 9999
     */
    public static Instant instant(Timestamp time, String field) {
        if (!Timestamps.isValid(time)) {
            throw invalid(field, "not a time (expected: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z)");
        }
        return instant(time).truncatedTo(ChronoUnit.MICROS);
    }

    public static Duration duration(java.time.Duration duration) {
        // Of a negative one, seconds and nanos have the same sign here and not there; the contract has none.
        return Duration.newBuilder()
                .setSeconds(duration.getSeconds())
                .setNanos(duration.getNano())
                .build();
    }

    public static java.time.Duration duration(Duration duration) {
        return java.time.Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
    }

    /** An id that the rules of the contract have let through; a UUID, hence. */
    public static UUID uuid(String id) {
        return UUID.fromString(id);
    }

    /** The same of an id that may be left out. */
    public static @Nullable UUID nullableUuid(String id) {
        return id.isEmpty() ? null : UUID.fromString(id);
    }

    /**
     * A JSON object as text, to be kept as {@code jsonb}. Whole numbers are written as such.
     *
     * @param field the path of the struct in the request
     * @throws dev.sortie.runtime.failure.FailureException INVALID_ARGUMENT for what JSON or the database cannot hold:
     *     NaN, an infinity, the character U+0000, a value of no kind
     */
    public static String json(Struct struct, String field) {
        return object(struct, field).encode();
    }

    /** The same of any JSON value. */
    public static String json(Value value, String field) {
        var wrapped = plain(value, field);
        return wrapped instanceof JsonObject object ? object.encode() : encode(wrapped);
    }

    /** A struct from the text of a JSON object. */
    public static Struct struct(String json) {
        return toStruct(new JsonObject(json));
    }

    /** A value from the text of any JSON. */
    public static Value value(String json) {
        return toValue(io.vertx.core.json.Json.decodeValue(json));
    }

    // Not protobuf's own parser: it turns numbers with many digits into strings, and jsonb writes 1e300 with all of
    // them.
    private static Value toValue(@Nullable Object plain) {
        var value = Value.newBuilder();
        switch (plain) {
            case null -> value.setNullValue(NullValue.NULL_VALUE);
            case Boolean bool -> value.setBoolValue(bool);
            case Number number -> value.setNumberValue(number.doubleValue());
            case String text -> value.setStringValue(text);
            case JsonObject object -> value.setStructValue(toStruct(object));
            case JsonArray array -> {
                var list = ListValue.newBuilder();
                array.forEach(item -> list.addValues(toValue(item)));
                value.setListValue(list);
            }
            default -> throw new IllegalStateException(plain.getClass() + " in JSON");
        }
        return value.build();
    }

    private static Struct toStruct(JsonObject object) {
        var struct = Struct.newBuilder();
        object.forEach(entry -> struct.putFields(entry.getKey(), toValue(entry.getValue())));
        return struct.build();
    }

    private static String encode(@Nullable Object plain) {
        return io.vertx.core.json.Json.encode(plain);
    }

    private static @Nullable Object plain(Value value, String field) {
        return switch (value.getKindCase()) {
            case NULL_VALUE -> null;
            case BOOL_VALUE -> value.getBoolValue();
            case NUMBER_VALUE -> number(value.getNumberValue(), field);
            case STRING_VALUE -> text(value.getStringValue(), field);
            case STRUCT_VALUE -> object(value.getStructValue(), field);
            case LIST_VALUE -> array(value.getListValue(), field);
            case KIND_NOT_SET -> throw invalid(field, "a value of no kind (expected: a JSON value)");
        };
    }

    private static JsonObject object(Struct struct, String field) {
        var object = new JsonObject();
        struct.getFieldsMap().forEach((key, value) -> object.put(text(key, field), plain(value, field + "." + key)));
        return object;
    }

    private static JsonArray array(ListValue list, String field) {
        var array = new JsonArray();
        for (int i = 0; i < list.getValuesCount(); i++) {
            array.add(plain(list.getValues(i), field + "[" + i + "]"));
        }
        return array;
    }

    private static Object number(double number, String field) {
        if (!Double.isFinite(number)) {
            throw invalid(field, number + " (expected: a number that JSON has)");
        }
        boolean whole = number == Math.rint(number) && Math.abs(number) <= EXACT;
        return whole ? (Object) (long) number : number;
    }

    private static String text(String text, String field) {
        if (text.indexOf(0) >= 0) {
            throw invalid(field, "contains the character U+0000 (expected: none, it cannot be stored)");
        }
        return text;
    }

    private static RuntimeException invalid(String field, String description) {
        return Failure.invalidArgument(
                        ErrorReason.ERROR_REASON_FIELD_INVALID,
                        java.util.List.of(new Failure.FieldViolation(field, description)))
                .with("field_count", 1)
                .exception();
    }
}
