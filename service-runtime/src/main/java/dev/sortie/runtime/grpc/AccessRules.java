package dev.sortie.runtime.grpc;

import dev.sortie.runtime.identity.Principal;
import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.AuthorizationProto;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Who may call which RPC, as the contract's {@code authorization} option says. Without one: nobody. */
final class AccessRules {
    private static final Set<String> FOR_ANYBODY = Set.of(
            "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection");
    private static final Set<String> OF_ANY = Set.of(Principal.ANY_SCOPE);
    private static final String CHANNELZ = "grpc.channelz.v1.Channelz";

    private final ConcurrentHashMap<String, Rule> known = new ConcurrentHashMap<>();

    /**
     * Who may call.
     *
     * @param access the least a caller must be
     * @param scopes one of which a limited credential must have
     * @param tokens where requests carry tokens of callers that send none as metadata; null where they do not
     */
    record Rule(Access access, Set<String> scopes, @Nullable RequestTokens tokens) {}

    /** True for what the server offers about itself: health, reflection, channelz. */
    static boolean isOfServer(MethodDescriptor<?, ?> method) {
        var service = method.getServiceName();
        return service != null && (FOR_ANYBODY.contains(service) || CHANNELZ.equals(service));
    }

    Rule of(MethodDescriptor<?, ?> method) {
        var rule = known.get(method.getFullMethodName());
        return rule == null ? known.computeIfAbsent(method.getFullMethodName(), _ -> read(method)) : rule;
    }

    private static Rule read(MethodDescriptor<?, ?> method) {
        var service = method.getServiceName();
        if (service != null && FOR_ANYBODY.contains(service)) {
            return new Rule(Access.ACCESS_ANONYMOUS, OF_ANY, null);
        }
        if (CHANNELZ.equals(service)) {
            return new Rule(Access.ACCESS_ADMIN, OF_ANY, null);
        }
        if (method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier schema) {
            var option = schema.getMethodDescriptor().getOptions().getExtension(AuthorizationProto.authorization);
            var scopes = option.getScopesList().stream()
                    .map(scope -> scope.name().replaceFirst("^SCOPE_", ""))
                    .collect(Collectors.toUnmodifiableSet());
            return new Rule(
                    option.getAccess() == Access.UNRECOGNIZED ? Access.ACCESS_UNSPECIFIED : option.getAccess(),
                    scopes,
                    RequestTokens.of(schema.getMethodDescriptor().getInputType()));
        }
        return new Rule(Access.ACCESS_UNSPECIFIED, Set.of(), null);
    }
}
