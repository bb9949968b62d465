package dev.sortie.runtime.grpc;

import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.AuthorizationProto;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Who may call which RPC, as the contract's {@code authorization} option says. Without one: nobody. */
final class AccessRules {
    private static final Set<String> FOR_ANYBODY = Set.of(
            "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection");
    private static final String CHANNELZ = "grpc.channelz.v1.Channelz";

    private final ConcurrentHashMap<String, Access> known = new ConcurrentHashMap<>();

    /** True for what the server offers about itself: health, reflection, channelz. */
    static boolean isOfServer(MethodDescriptor<?, ?> method) {
        var service = method.getServiceName();
        return service != null && (FOR_ANYBODY.contains(service) || CHANNELZ.equals(service));
    }

    Access of(MethodDescriptor<?, ?> method) {
        var access = known.get(method.getFullMethodName());
        return access == null ? known.computeIfAbsent(method.getFullMethodName(), _ -> read(method)) : access;
    }

    private static Access read(MethodDescriptor<?, ?> method) {
        var service = method.getServiceName();
        if (service != null && FOR_ANYBODY.contains(service)) {
            return Access.ACCESS_ANONYMOUS;
        }
        if (CHANNELZ.equals(service)) {
            return Access.ACCESS_ADMIN;
        }
        if (method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier schema) {
            var access = schema.getMethodDescriptor()
                    .getOptions()
                    .getExtension(AuthorizationProto.authorization)
                    .getAccess();
            return access == Access.UNRECOGNIZED ? Access.ACCESS_UNSPECIFIED : access;
        }
        return Access.ACCESS_UNSPECIFIED;
    }
}
