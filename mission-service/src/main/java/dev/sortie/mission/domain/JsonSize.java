package dev.sortie.mission.domain;

import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;

/** How much JSON takes on the wire, where it travels as {@code google.protobuf.Struct} and not as text. */
final class JsonSize {
    private JsonSize() {}

    /** The bytes of an object as a serialized Struct. */
    static long asStruct(JsonNode object) {
        long bytes = 0;
        for (var entry : object.properties()) {
            long key = delimited(utf8(entry.getKey()));
            bytes += delimited(key + delimited(asValue(entry.getValue())));
        }
        return bytes;
    }

    /** The bytes of any JSON value as a serialized Value. */
    static long asValue(JsonNode value) {
        if (value.isObject()) {
            return delimited(asStruct(value));
        }
        if (value.isArray()) {
            long bytes = 0;
            for (var element : value) {
                bytes += delimited(asValue(element));
            }
            return delimited(bytes);
        }
        if (value.isString()) {
            return delimited(utf8(value.stringValue()));
        }
        return value.isNumber() ? 1 + Double.BYTES : 2;
    }

    /** A field of that length: a tag of one byte, the length, the bytes. */
    private static long delimited(long length) {
        long bytes = 2 + length;
        for (long rest = length >>> 7; rest > 0; rest >>>= 7) {
            bytes++;
        }
        return bytes;
    }

    private static long utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
