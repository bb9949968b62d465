package dev.sortie.runtime.sql;

import io.vertx.core.buffer.Buffer;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.Tuple;
import java.lang.reflect.Array;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Between the types of the database client and those of the domain. */
public final class Rows {
    private Rows() {}

    /** A {@code timestamptz} that is not null. */
    public static Instant instant(Row row, String column) {
        return row.getOffsetDateTime(column).toInstant();
    }

    /** A {@code timestamptz}. */
    public static @Nullable Instant nullableInstant(Row row, String column) {
        var value = row.getOffsetDateTime(column);
        return value == null ? null : value.toInstant();
    }

    /** A {@code text} that holds the name of an enum value. */
    public static <E extends Enum<E>> E value(Row row, String column, Class<E> type) {
        return Enum.valueOf(type, row.getString(column));
    }

    /** A {@code bytea} that is not null. */
    public static byte[] bytes(Row row, String column) {
        return row.getBuffer(column).getBytes();
    }

    /** A {@code text[]} that is not null. */
    public static List<String> strings(Row row, String column) {
        return List.of(row.getArrayOfStrings(column));
    }

    static Tuple parameters(@Nullable Object... values) {
        var encoded = new @Nullable Object[values.length];
        for (int i = 0; i < values.length; i++) {
            encoded[i] = encode(values[i]);
        }
        return Tuple.wrap(encoded);
    }

    private static @Nullable Object encode(@Nullable Object value) {
        return switch (value) {
            case null -> null;
            case Instant time -> time.atOffset(ZoneOffset.UTC);
            case byte[] bytes -> Buffer.buffer(bytes);
            case Enum<?> constant -> constant.name();
            case Collection<?> many -> array(many.toArray());
            case Object[] many -> array(many);
            default -> value;
        };
    }

    /** The client knows the type of an array by its class: one of the class of its elements, hence. */
    private static @Nullable Object[] array(@Nullable Object[] many) {
        var encoded = new @Nullable Object[many.length];
        Class<?> type = encoded(many.getClass().getComponentType());
        for (int i = 0; i < many.length; i++) {
            var one = encode(many[i]);
            encoded[i] = one;
            if (one != null) {
                type = one instanceof Buffer ? Buffer.class : one.getClass();
            }
        }
        if (type == Object.class) {
            return encoded; // nothing but nulls, or nothing
        }
        var typed = (Object[]) Array.newInstance(type, many.length);
        System.arraycopy(encoded, 0, typed, 0, many.length);
        return typed;
    }

    /** What elements of a type are sent as; tells the type of an array of nulls. */
    private static Class<?> encoded(Class<?> type) {
        if (type == Instant.class) {
            return OffsetDateTime.class;
        }
        if (type == byte[].class) {
            return Buffer.class;
        }
        return type.isEnum() ? String.class : type;
    }
}
