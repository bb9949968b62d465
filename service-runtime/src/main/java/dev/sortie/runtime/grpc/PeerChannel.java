package dev.sortie.runtime.grpc;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The way to another service: calls go with this service's own token, on behalf of whoever made the call that is being
 * served, under its correlation id and within its deadline. UNAVAILABLE is tried again a few times.
 */
public final class PeerChannel implements AutoCloseable {
    private static final long DEFAULT_DEADLINE_SECONDS = 15;
    private static final Map<String, ?> SERVICE_CONFIG = Map.of(
            "methodConfig",
            List.of(Map.of(
                    "name",
                    List.of(Map.of()),
                    "retryPolicy",
                    Map.of(
                            "maxAttempts",
                            4.0,
                            "initialBackoff",
                            "0.1s",
                            "maxBackoff",
                            "2s",
                            "backoffMultiplier",
                            2.0,
                            "retryableStatusCodes",
                            List.of("UNAVAILABLE")))),
            "retryThrottling",
            Map.of("maxTokens", 20.0, "tokenRatio", 0.2));

    private final ManagedChannel managed;
    private final Channel channel;

    private PeerChannel(String address, Supplier<String> token) {
        this.managed = NettyChannelBuilder.forTarget(address)
                .usePlaintext()
                .defaultServiceConfig(SERVICE_CONFIG)
                .enableRetry()
                .keepAliveTime(30, TimeUnit.SECONDS)
                .keepAliveTimeout(10, TimeUnit.SECONDS)
                .maxInboundMessageSize(16 * 1024 * 1024)
                .maxInboundMetadataSize(16 * 1024)
                .build();
        this.channel = ClientInterceptors.intercept(managed, new Passport(token));
    }

    /**
     * Opens a channel; connects when it is first used, and again whenever it has to.
     *
     * @param address {@code host:port}, or a target that gRPC's name resolution understands
     * @param token this service's API token; empty for calls that need none
     */
    public static PeerChannel open(String address, Supplier<String> token) {
        return new PeerChannel(address, token);
    }

    /** What stubs are made with. */
    public Channel channel() {
        return channel;
    }

    @Override
    public void close() {
        managed.shutdownNow();
    }

    private static final class Passport implements ClientInterceptor {
        private final Supplier<String> token;

        Passport(Supplier<String> token) {
            this.token = token;
        }

        @Override
        public <Q, P> ClientCall<Q, P> interceptCall(MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
            boolean bounded = options.getDeadline() != null
                    || Context.current().getDeadline() != null
                    || method.getType() != MethodDescriptor.MethodType.UNARY;
            var call = next.newCall(
                    method, bounded ? options : options.withDeadlineAfter(DEFAULT_DEADLINE_SECONDS, TimeUnit.SECONDS));
            return new SimpleForwardingClientCall<>(call) {
                @Override
                public void start(Listener<P> listener, Metadata headers) {
                    stamp(headers);
                    super.start(listener, headers);
                }
            };
        }

        private void stamp(Metadata headers) {
            headers.put(CallContext.CORRELATION_ID, CallContext.correlationId());
            if (headers.containsKey(CallContext.AUTHORIZATION)) {
                return; // somebody else's token, to be asked about
            }
            var own = token.get();
            if (!own.isEmpty()) {
                headers.put(CallContext.AUTHORIZATION, "Bearer " + own);
                var caller = CallContext.principal();
                if (!caller.isNobody()) {
                    headers.put(CallContext.ACTING_FOR, caller.subject().toString());
                }
            }
        }
    }
}
