package dev.sortie.runtime.grpc;

import com.google.protobuf.Message;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/** Lets no request message through that breaks a rule of the contract. */
final class ValidationInterceptor implements ServerInterceptor {
    private final RequestRules rules;

    ValidationInterceptor(RequestRules rules) {
        this.rules = rules;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        var current = CallContext.current();
        if (current != null) {
            current.parsed(call.getMethodDescriptor());
        }
        return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
            @Override
            public void onMessage(Q message) {
                if (message instanceof Message request) {
                    rules.check(request);
                }
                super.onMessage(message);
            }
        };
    }
}
