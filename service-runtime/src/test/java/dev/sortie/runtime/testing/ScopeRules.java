package dev.sortie.runtime.testing;

import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.AuthorizationProto;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.Scope;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoServiceDescriptorSupplier;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** That a token which is limited can do what it is limited to and nothing else, at a whole server. */
public final class ScopeRules {
    private ScopeRules() {}

    /**
     * Calls every RPC of some services with each scope; fails where one is let in that should not be, or the reverse.
     *
     * @param limited calls of an administrator or a service whose token is limited to one scope
     */
    public static void check(Function<Scope, Channel> limited, List<ServiceDescriptor> services) {
        var wrong = new ArrayList<String>();
        for (var scope :
                EnumSet.complementOf(EnumSet.of(Scope.SCOPE_UNSPECIFIED, Scope.SCOPE_ANY, Scope.UNRECOGNIZED))) {
            var channel = limited.apply(scope);
            for (var service : services) {
                var schema = (ProtoServiceDescriptorSupplier) service.getSchemaDescriptor();
                for (var method : schema.getServiceDescriptor().getMethods()) {
                    var option = method.getOptions().getExtension(AuthorizationProto.authorization);
                    boolean allowed = option.getAccess() == Access.ACCESS_ANONYMOUS
                            || option.getScopesList().contains(Scope.SCOPE_ANY)
                            || option.getScopesList().contains(scope);
                    if (isRefused(channel, method) == allowed) {
                        wrong.add(method.getFullName() + (allowed ? " refuses " : " lets in ") + scope);
                    }
                }
            }
        }
        if (!wrong.isEmpty()) {
            throw new AssertionError("Scopes are not what the contract says:\n  " + String.join("\n  ", wrong));
        }
    }

    /** What becomes of an empty request does not matter: it is looked at after the token. */
    private static boolean isRefused(Channel channel, MethodDescriptor method) {
        var type = method.isClientStreaming()
                ? (method.isServerStreaming()
                        ? io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING
                        : io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
                : (method.isServerStreaming()
                        ? io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING
                        : io.grpc.MethodDescriptor.MethodType.UNARY);
        var call = io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(type)
                .setFullMethodName(io.grpc.MethodDescriptor.generateFullMethodName(
                        method.getService().getFullName(), method.getName()))
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
        try {
            var responses = ClientCalls.blockingServerStreamingCall(
                    channel.newCall(call, CallOptions.DEFAULT.withDeadlineAfter(5, TimeUnit.SECONDS)),
                    DynamicMessage.getDefaultInstance(method.getInputType()));
            if (responses.hasNext()) {
                responses.next();
            }
            return false;
        } catch (StatusRuntimeException failed) {
            return failed.getStatus().getCode() == Status.Code.PERMISSION_DENIED
                    && StatusAssert.of(failed).status().getDetailsList().stream()
                            .filter(detail -> detail.is(ErrorInfo.class))
                            .anyMatch(ScopeRules::isAboutScope);
        }
    }

    private static boolean isAboutScope(com.google.protobuf.Any detail) {
        try {
            return detail.unpack(ErrorInfo.class)
                    .getReason()
                    .equals(ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT.name());
        } catch (InvalidProtocolBufferException wrong) {
            throw new AssertionError(wrong);
        }
    }
}
