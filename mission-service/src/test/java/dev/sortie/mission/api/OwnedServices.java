package dev.sortie.mission.api;

import com.google.protobuf.Message;
import dev.sortie.type.v1.AuthorizationProto;
import dev.sortie.type.v1.Ownership;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import io.grpc.stub.ClientCalls;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Services some of whose RPCs only the owner of something may call. */
record OwnedServices(List<ServiceDescriptor> services) {

    static OwnedServices of(ServiceDescriptor... services) {
        return new OwnedServices(Arrays.asList(services));
    }

    /** The RPCs whose contract asks for the owner. */
    Set<String> ownersOnly() {
        var names = new TreeSet<String>();
        for (var service : services) {
            for (var method : service.getMethods()) {
                var supplier = (ProtoMethodDescriptorSupplier) method.getSchemaDescriptor();
                var rule = supplier.getMethodDescriptor().getOptions().getExtension(AuthorizationProto.authorization);
                if (rule.getOwnership() == Ownership.OWNERSHIP_OWNER) {
                    names.add(method.getBareMethodName());
                }
            }
        }
        return names;
    }

    /** Calls the RPC of a name with the one request. */
    @SuppressWarnings("unchecked") // the request is of the method's type, or the call fails
    Message call(Channel channel, String name, Message request) {
        var method = (MethodDescriptor<Message, Message>) services.stream()
                .flatMap(service -> service.getMethods().stream())
                .filter(one -> name.equals(one.getBareMethodName()))
                .findFirst()
                .orElseThrow();
        return ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, request);
    }
}
