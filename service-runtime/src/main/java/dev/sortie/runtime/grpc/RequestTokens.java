package dev.sortie.runtime.grpc;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.sortie.type.v1.AuthorizationProto;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the requests of a method carry their callers' tokens: in an entry of a map, which the contract names by
 * {@code token_entry}.
 *
 * @param path the fields that lead to the map
 * @param entry the key of the entry
 */
record RequestTokens(List<FieldDescriptor> path, String entry) {

    /** Where requests of a type have them: in a map of their own, or in one of a message of theirs. */
    static @Nullable RequestTokens of(Descriptor request) {
        for (var field : request.getFields()) {
            if (field.isMapField()) {
                var own = in(List.of(field));
                if (own != null) {
                    return own;
                }
            } else if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE && !field.isRepeated()) {
                for (var map : field.getMessageType().getFields()) {
                    var inner = map.isMapField() ? in(List.of(field, map)) : null;
                    if (inner != null) {
                        return inner;
                    }
                }
            }
        }
        return null;
    }

    private static @Nullable RequestTokens in(List<FieldDescriptor> path) {
        var entry = path.getLast().getOptions().getExtension(AuthorizationProto.tokenEntry);
        return entry.isEmpty() ? null : new RequestTokens(path, entry);
    }

    /** The token of a request; null when it has none. */
    @Nullable
    String find(Message request) {
        var holder = request;
        for (var field : path.subList(0, path.size() - 1)) {
            holder = (Message) holder.getField(field);
        }
        for (var pair : (List<?>) holder.getField(path.getLast())) {
            var map = (Message) pair;
            var type = map.getDescriptorForType();
            if (entry.equals(map.getField(type.findFieldByNumber(1)))) {
                var token = (String) map.getField(type.findFieldByNumber(2));
                return token.isBlank() ? null : token.strip();
            }
        }
        return null;
    }
}
