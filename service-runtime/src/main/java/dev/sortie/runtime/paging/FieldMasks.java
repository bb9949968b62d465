package dev.sortie.runtime.paging;

import com.google.api.FieldBehavior;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Message;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.grpc.RequestRules;
import dev.sortie.type.v1.ErrorReason;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;

/**
 * Which fields of a resource an update sets, as the contract's {@code field_behavior} has it: neither OUTPUT_ONLY nor
 * IMMUTABLE nor IDENTIFIER, and not the etag. Fields are set whole: a path into a message is refused.
 */
public final class FieldMasks {
    private FieldMasks() {}

    /**
     * The names of the fields to set.
     *
     * @param mask absent (empty) means the populated fields that callers can set; {@code *} means all they can set
     * @param resource with the new values
     * @throws dev.sortie.runtime.failure.FailureException INVALID_ARGUMENT naming a path that is unknown or cannot be
     *     set, or a required field that would be emptied
     */
    public static Set<String> resolve(FieldMask mask, Message resource) {
        var type = resource.getDescriptorForType();
        var paths = new LinkedHashSet<String>();
        if (mask.getPathsCount() == 0) {
            resource.getAllFields().keySet().stream()
                    .filter(FieldMasks::isSettable)
                    .forEach(field -> paths.add(field.getName()));
        } else if (mask.getPathsList().equals(java.util.List.of("*"))) {
            type.getFields().stream().filter(FieldMasks::isSettable).forEach(field -> paths.add(field.getName()));
        } else {
            mask.getPathsList().forEach(path -> paths.add(settable(type, path)));
        }
        for (var path : paths) {
            requireValue(type.findFieldByName(path), resource);
        }
        return paths;
    }

    private static String settable(Descriptor type, String path) {
        var field = type.findFieldByName(path);
        if (field == null || !isSettable(field)) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID,
                            "update_mask",
                            field == null
                                    ? "%s: no such field of %s (expected: its fields by name, or *)"
                                    : "%s: callers cannot set this field of %s",
                            path,
                            type.getName())
                    .with("path", path)
                    .exception();
        }
        return path;
    }

    private static void requireValue(FieldDescriptor field, Message resource) {
        boolean empty = field.isRepeated()
                ? resource.getRepeatedFieldCount(field) == 0
                : field.hasPresence()
                        ? !resource.hasField(field)
                        : resource.getField(field).equals(field.getDefaultValue());
        if (empty && RequestRules.has(field, FieldBehavior.REQUIRED)) {
            var path = nameOf(resource.getDescriptorForType()) + "." + field.getName();
            throw Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, path, "value is required")
                    .with("field_count", 1)
                    .exception();
        }
    }

    /** The field of an update request that holds a resource is called as its type: {@code tool_step} for ToolStep. */
    private static String nameOf(Descriptor type) {
        return type.getName().replaceAll("(?<=[a-z])(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
    }

    private static boolean isSettable(FieldDescriptor field) {
        return !field.getName().equals("etag")
                && !RequestRules.has(field, FieldBehavior.OUTPUT_ONLY)
                && !RequestRules.has(field, FieldBehavior.IMMUTABLE)
                && !RequestRules.has(field, FieldBehavior.IDENTIFIER);
    }
}
