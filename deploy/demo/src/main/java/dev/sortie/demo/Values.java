package dev.sortie.demo;

import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Plain Java values (maps, lists, texts, numbers, booleans) to and from protobuf's JSON values. */
final class Values {

    private Values() {}

    static Value of(Object value) {
        return switch (value) {
            case Value ready -> ready;
            case String text -> Value.newBuilder().setStringValue(text).build();
            case Boolean truth -> Value.newBuilder().setBoolValue(truth).build();
            case Number number ->
                Value.newBuilder().setNumberValue(number.doubleValue()).build();
            case Map<?, ?> map -> Value.newBuilder().setStructValue(object(map)).build();
            case List<?> list -> {
                var items = ListValue.newBuilder();
                list.forEach(item -> items.addValues(of(item)));
                yield Value.newBuilder().setListValue(items).build();
            }
            default -> throw new IllegalArgumentException("no JSON value: " + value.getClass());
        };
    }

    static Struct object(Map<?, ?> map) {
        var fields = Struct.newBuilder();
        map.forEach((key, value) -> fields.putFields(String.valueOf(key), of(value)));
        return fields.build();
    }

    /** The text of a field; fails when it is no text. */
    static String text(Struct object, String field) {
        var value = object.getFieldsOrThrow(field);
        if (!value.hasStringValue()) {
            throw new IllegalArgumentException(field + " is not a text");
        }
        return value.getStringValue();
    }

    /** The number of a field as a whole number; 0 when it is absent. */
    static long number(Struct object, String field) {
        return Math.round(
                object.getFieldsOrDefault(field, Value.getDefaultInstance()).getNumberValue());
    }

    static Struct object(Struct object, String field) {
        return object.getFieldsOrThrow(field).getStructValue();
    }

    /** The objects of a list field; empty when it is absent. */
    static List<Struct> objects(Struct object, String field) {
        return object.getFieldsOrDefault(field, Value.getDefaultInstance()).getListValue().getValuesList().stream()
                .map(Value::getStructValue)
                .toList();
    }

    /** A map that keeps the order of its entries: name, value, name, value … */
    static Map<String, Object> map(Object... namesAndValues) {
        var map = new LinkedHashMap<String, Object>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            map.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return map;
    }
}
