package dev.sortie.contract;

import build.buf.validate.FieldRules;
import build.buf.validate.ValidateProto;
import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.EnumDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Label;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.DescriptorProtos.MethodDescriptorProto;
import com.google.protobuf.DescriptorProtos.SourceCodeInfo.Location;
import com.google.protobuf.ExtensionRegistry;
import dev.sortie.type.v1.Authorization;
import dev.sortie.type.v1.AuthorizationProto;
import dev.sortie.type.v1.FieldBounds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The contract as the build's descriptor set has it, with names, options and comments at hand. */
record Contract(
        List<FileDescriptorProto> files,
        Map<String, Message> messages,
        List<Rpc> rpcs,
        List<Rpc> foreignRpcs,
        List<Enumeration> enums) {

    /** One RPC. */
    record Rpc(String service, MethodDescriptorProto method, String packageName) {
        String name() {
            return method.getName();
        }

        String fullName() {
            return service + "/" + method.getName();
        }

        Authorization authorization() {
            return method.getOptions().getExtension(AuthorizationProto.authorization);
        }
    }

    /** One message; the name is its full one, such as {@code sortie.mission.v1.Hop}. */
    record Message(String name, DescriptorProto proto) {
        Optional<FieldDescriptorProto> field(String fieldName) {
            return proto.getFieldList().stream()
                    .filter(field -> field.getName().equals(fieldName))
                    .findFirst();
        }

        Optional<FieldDescriptorProto> field(int number) {
            return proto.getFieldList().stream()
                    .filter(field -> field.getNumber() == number)
                    .findFirst();
        }

        boolean isMapEntry() {
            return proto.getOptions().getMapEntry();
        }
    }

    /** A field of a message. */
    record Field(Message message, FieldDescriptorProto proto) {
        String name() {
            return proto.getName();
        }

        String fullName() {
            return message.name() + "." + proto.getName();
        }

        boolean isRepeated() {
            return proto.getLabel() == Label.LABEL_REPEATED;
        }

        boolean is(Type type) {
            return proto.getType() == type;
        }

        /** Whether only servers fill it: the rules of requests skip it. */
        boolean isOutputOnly() {
            return proto.getOptions()
                    .getExtension(FieldBehaviorProto.fieldBehavior)
                    .contains(FieldBehavior.OUTPUT_ONLY);
        }

        FieldRules rules() {
            return proto.getOptions().getExtension(ValidateProto.field);
        }

        int maxBytes() {
            return proto.getOptions().getExtension(FieldBounds.maxBytes);
        }
    }

    /** An enum with the comment of each of its values. */
    record Enumeration(String name, EnumDescriptorProto proto, Map<String, String> comments) {}

    /** The contract of this build. */
    static Contract ofThisBuild() {
        var registry = ExtensionRegistry.newInstance();
        ValidateProto.registerAllExtensions(registry);
        FieldBehaviorProto.registerAllExtensions(registry);
        AuthorizationProto.registerAllExtensions(registry);
        FieldBounds.registerAllExtensions(registry);
        try {
            return of(FileDescriptorSet.parseFrom(Files.readAllBytes(Path.of("target/sortie.binpb")), registry));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Contract of(FileDescriptorSet set) {
        var messages = new LinkedHashMap<String, Message>();
        var rpcs = new ArrayList<Rpc>();
        var foreign = new ArrayList<Rpc>();
        var enums = new ArrayList<Enumeration>();
        var own = new ArrayList<FileDescriptorProto>();
        for (var file : set.getFileList()) {
            file.getMessageTypeList().forEach(message -> collect(file.getPackage(), message, messages));
            boolean isOwn = file.getPackage().startsWith("sortie.");
            for (var service : file.getServiceList()) {
                service.getMethodList()
                        .forEach(method -> (isOwn ? rpcs : foreign)
                                .add(new Rpc(file.getPackage() + "." + service.getName(), method, file.getPackage())));
            }
            if (!isOwn) {
                continue;
            }
            own.add(file);
            for (var index = 0; index < file.getEnumTypeCount(); index++) {
                enums.add(enumeration(file, index));
            }
        }
        return new Contract(List.copyOf(own), messages, List.copyOf(rpcs), List.copyOf(foreign), List.copyOf(enums));
    }

    Message input(Rpc rpc) {
        return messages.get(rpc.method().getInputType().substring(1));
    }

    Message output(Rpc rpc) {
        return messages.get(rpc.method().getOutputType().substring(1));
    }

    /** Every field of Sortie's own that a caller can fill, in whatever depth of a request. */
    Collection<Field> inputFields() {
        var fields = new ArrayList<Field>();
        var seen = new LinkedHashSet<String>();
        var open = new ArrayDeque<Message>();
        rpcs.forEach(rpc -> open.add(input(rpc)));
        while (!open.isEmpty()) {
            var message = open.remove();
            if (!message.name().startsWith("sortie.") || !seen.add(message.name())) {
                continue;
            }
            for (var proto : message.proto().getFieldList()) {
                var field = new Field(message, proto);
                if (!message.isMapEntry() && !field.isOutputOnly()) {
                    fields.add(field);
                }
                if (!field.isOutputOnly()) {
                    type(field).ifPresent(open::add);
                }
            }
        }
        return fields;
    }

    /** The fields of a message. */
    List<Field> fields(Message message) {
        return message.proto().getFieldList().stream()
                .map(field -> new Field(message, field))
                .toList();
    }

    /** The message type of a field that has one. */
    Optional<Message> type(Field field) {
        return field.is(Type.TYPE_MESSAGE)
                ? Optional.of(messages.get(field.proto().getTypeName().substring(1)))
                : Optional.empty();
    }

    /** Whether a field is a map. */
    boolean isMap(Field field) {
        return type(field).filter(Message::isMapEntry).isPresent();
    }

    /** The packages of the contract. */
    Set<String> packages() {
        var packages = new LinkedHashSet<String>();
        files.forEach(file -> packages.add(file.getPackage()));
        return packages;
    }

    private static void collect(String scope, DescriptorProto message, Map<String, Message> messages) {
        var name = scope + "." + message.getName();
        messages.put(name, new Message(name, message));
        message.getNestedTypeList().forEach(nested -> collect(name, nested, messages));
    }

    private static Enumeration enumeration(FileDescriptorProto file, int index) {
        var proto = file.getEnumType(index);
        var comments = new LinkedHashMap<String, String>();
        for (var value = 0; value < proto.getValueCount(); value++) {
            var path = List.of(
                    FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER, index, EnumDescriptorProto.VALUE_FIELD_NUMBER, value);
            comments.put(
                    proto.getValue(value).getName(),
                    file.getSourceCodeInfo().getLocationList().stream()
                            .filter(location -> location.getPathList().equals(path))
                            .map(Location::getLeadingComments)
                            .findFirst()
                            .orElse("")
                            .strip());
        }
        return new Enumeration(file.getPackage() + "." + proto.getName(), proto, comments);
    }
}
