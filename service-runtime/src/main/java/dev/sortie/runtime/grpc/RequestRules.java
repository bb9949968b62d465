package dev.sortie.runtime.grpc;

import build.buf.protovalidate.Config;
import build.buf.protovalidate.Validator;
import build.buf.protovalidate.ValidatorFactory;
import build.buf.protovalidate.exceptions.ValidationException;
import build.buf.validate.FieldPath;
import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.Failure.FieldViolation;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.FieldBounds;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The rules that the contract sets for requests: {@code buf.validate}, {@code max_bytes} for fields of free shape, and
 * {@code REQUIRED} for the fields of a resource that is to be made. Compiled once per type of message.
 */
public final class RequestRules {
    private final Validator validator = ValidatorFactory.newBuilder()
            .withConfig(Config.newBuilder().setEnableNativeRules(true).build())
            .build();
    private final ConcurrentHashMap<Descriptor, List<Bounded>> bounds = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Descriptor, List<FieldDescriptor>> texts = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Descriptor, List<FieldDescriptor>> required = new ConcurrentHashMap<>();

    /** A field with a bound of its own (0: none), or with such fields somewhere within. */
    private record Bounded(FieldDescriptor field, int maxBytes) {}

    /**
     * Checks a request.
     *
     * @throws dev.sortie.runtime.failure.FailureException INVALID_ARGUMENT that names each field at fault and its bound
     */
    public void check(Message request) {
        var violations = new ArrayList<FieldViolation>();
        try {
            for (var violation : validator.validate(request).getViolations()) {
                var proto = violation.toProto();
                violations.add(new FieldViolation(path(proto.getField()), proto.getMessage()));
            }
        } catch (ValidationException broken) {
            throw new IllegalStateException(
                    "the rules of " + request.getDescriptorForType().getFullName(), broken);
        }
        // Where they are is worth finding out only when there are any.
        if (hasBadText(request)) {
            checkText(request, "", violations);
        }
        if (exceedsBounds(request)) {
            checkBounds(request, "", violations);
        }
        checkRequired(request, violations);
        if (!violations.isEmpty()) {
            throw Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, violations)
                    .with("field_count", violations.size())
                    .exception();
        }
    }

    /** U+0000 is a character to protobuf and none to PostgreSQL. Fields of free shape are checked where they are read. */
    private static void checkText(Message message, String prefix, List<FieldViolation> violations) {
        for (var entry : message.getAllFields().entrySet()) {
            var field = entry.getKey();
            if (maxBytesOrZero(field) > 0) {
                continue;
            }
            var values = field.isRepeated() ? (List<?>) entry.getValue() : List.of(entry.getValue());
            for (int i = 0; i < values.size(); i++) {
                var path = prefix + field.getName() + (field.isRepeated() ? "[" + i + "]" : "");
                if (values.get(i) instanceof String text && text.indexOf(0) >= 0) {
                    violations.add(new FieldViolation(path, "contains the character U+0000 (expected: none)"));
                } else if (values.get(i) instanceof Message inner) {
                    checkText(inner, path + ".", violations);
                }
            }
        }
    }

    private boolean hasBadText(Message message) {
        for (var field : texts(message.getDescriptorForType())) {
            if (field.isRepeated()) {
                for (var value : (List<?>) message.getField(field)) {
                    if (isBadText(value)) {
                        return true;
                    }
                }
            } else if ((!field.hasPresence() || message.hasField(field)) && isBadText(message.getField(field))) {
                return true;
            }
        }
        return false;
    }

    private boolean isBadText(Object value) {
        return value instanceof String text
                ? text.indexOf(0) >= 0
                : value instanceof Message inner && hasBadText(inner);
    }

    /** The fields of a message that are checked for what is no text, or have such fields somewhere within. */
    private List<FieldDescriptor> texts(Descriptor type) {
        var known = texts.get(type);
        if (known == null) {
            known = type.getFields().stream()
                    .filter(field -> isText(field, new HashSet<>()))
                    .toList();
            texts.put(type, known);
        }
        return known;
    }

    private static boolean isText(FieldDescriptor field, Set<Descriptor> seen) {
        return switch (field.getJavaType()) {
            case STRING -> true;
            case MESSAGE ->
                maxBytes(field) == 0
                        && seen.add(field.getMessageType())
                        && field.getMessageType().getFields().stream().anyMatch(inner -> isText(inner, seen));
            default -> false;
        };
    }

    private static int maxBytesOrZero(FieldDescriptor field) {
        return field.getJavaType() == FieldDescriptor.JavaType.MESSAGE ? maxBytes(field) : 0;
    }

    private void checkRequired(Message request, List<FieldViolation> violations) {
        for (var resource : required.computeIfAbsent(request.getDescriptorForType(), RequestRules::resourcesToMake)) {
            if (!request.hasField(resource)) {
                continue; // whether it may be absent is a rule of buf.validate
            }
            var message = (Message) request.getField(resource);
            for (var field : message.getDescriptorForType().getFields()) {
                boolean missing = field.isRepeated()
                        ? message.getRepeatedFieldCount(field) == 0
                        : field.hasPresence()
                                ? !message.hasField(field)
                                : message.getField(field).equals(field.getDefaultValue());
                if (missing && has(field, FieldBehavior.REQUIRED)) {
                    violations.add(new FieldViolation(resource.getName() + "." + field.getName(), "value is required"));
                }
            }
        }
    }

    /** The resources in a request that makes one; an update names what it changes and may leave the rest out. */
    private static List<FieldDescriptor> resourcesToMake(Descriptor request) {
        if (request.getName().startsWith("Update")) {
            return List.of();
        }
        return request.getFields().stream()
                .filter(field -> field.getJavaType() == FieldDescriptor.JavaType.MESSAGE && !field.isRepeated())
                .filter(field -> field.getMessageType().getFields().stream()
                        .anyMatch(inner -> has(inner, FieldBehavior.REQUIRED)))
                .toList();
    }

    /** True when the contract says so of the field. */
    public static boolean has(FieldDescriptor field, FieldBehavior behavior) {
        return field.getOptions().getExtension(FieldBehaviorProto.fieldBehavior).contains(behavior);
    }

    private boolean exceedsBounds(Message message) {
        for (var bounded : bounds(message.getDescriptorForType())) {
            var field = bounded.field;
            if (field.isRepeated()) {
                for (var value : (List<?>) message.getField(field)) {
                    if (exceeds(bounded, (Message) value)) {
                        return true;
                    }
                }
            } else if (message.hasField(field) && exceeds(bounded, (Message) message.getField(field))) {
                return true;
            }
        }
        return false;
    }

    private boolean exceeds(Bounded bounded, Message value) {
        return bounded.maxBytes > 0 ? value.getSerializedSize() > bounded.maxBytes : exceedsBounds(value);
    }

    private void checkBounds(Message message, String prefix, List<FieldViolation> violations) {
        for (var bounded : bounds(message.getDescriptorForType())) {
            var field = bounded.field;
            var path = prefix + field.getName();
            if (field.isRepeated()) {
                for (int i = 0; i < message.getRepeatedFieldCount(field); i++) {
                    checkBound(bounded, (Message) message.getRepeatedField(field, i), path + "[" + i + "]", violations);
                }
            } else if (message.hasField(field)) {
                checkBound(bounded, (Message) message.getField(field), path, violations);
            }
        }
    }

    private void checkBound(Bounded bounded, Message value, String path, List<FieldViolation> violations) {
        int size = value.getSerializedSize();
        if (bounded.maxBytes > 0 && size > bounded.maxBytes) {
            violations.add(new FieldViolation(path, size + " bytes (expected: <= " + bounded.maxBytes + ")"));
        } else if (bounded.maxBytes == 0) {
            checkBounds(value, path + ".", violations);
        }
    }

    private List<Bounded> bounds(Descriptor type) {
        var known = bounds.get(type);
        if (known == null) {
            known = type.getFields().stream()
                    .filter(field -> field.getJavaType() == FieldDescriptor.JavaType.MESSAGE)
                    .filter(field -> isBounded(field, new HashSet<>()))
                    .map(field -> new Bounded(field, maxBytes(field)))
                    .toList();
            bounds.put(type, known);
        }
        return known;
    }

    private static boolean isBounded(FieldDescriptor field, Set<Descriptor> seen) {
        if (maxBytes(field) > 0) {
            return true;
        }
        var type = field.getMessageType();
        return seen.add(type)
                && type.getFields().stream()
                        .filter(inner -> inner.getJavaType() == FieldDescriptor.JavaType.MESSAGE)
                        .anyMatch(inner -> isBounded(inner, seen));
    }

    private static int maxBytes(FieldDescriptor field) {
        return field.getOptions().getExtension(FieldBounds.maxBytes);
    }

    private static String path(FieldPath path) {
        var text = new StringBuilder();
        for (var element : path.getElementsList()) {
            if (!text.isEmpty()) {
                text.append('.');
            }
            text.append(element.getFieldName());
            switch (element.getSubscriptCase()) {
                case INDEX -> text.append('[').append(element.getIndex()).append(']');
                case STRING_KEY ->
                    text.append("[\"").append(element.getStringKey()).append("\"]");
                case INT_KEY -> text.append('[').append(element.getIntKey()).append(']');
                case UINT_KEY -> text.append('[').append(element.getUintKey()).append(']');
                case BOOL_KEY -> text.append('[').append(element.getBoolKey()).append(']');
                case SUBSCRIPT_NOT_SET -> {}
            }
        }
        return text.toString();
    }
}
