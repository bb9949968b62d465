package dev.sortie.bench;

import dev.sortie.agent.v1.QueueServiceGrpc;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.agent.v1.WorkerServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Some connections to agent-service, taken in turn. */
final class Servers implements AutoCloseable {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final List<ManagedChannel> connections = new ArrayList<>();
    private final List<Channel> channels = new ArrayList<>();
    private final AtomicInteger turn = new AtomicInteger();

    /**
     * @param addresses of the replicas, as host:port
     * @param perReplica connections to each
     */
    Servers(List<String> addresses, String token, int perReplica) {
        for (int i = 0; i < perReplica; i++) {
            for (var address : addresses) {
                var connection = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                        .build();
                connections.add(connection);
                channels.add(ClientInterceptors.intercept(connection, new Bearer(token)));
            }
        }
    }

    Channel next() {
        return channels.get(Math.floorMod(turn.getAndIncrement(), channels.size()));
    }

    WorkServiceGrpc.WorkServiceBlockingStub work() {
        return WorkServiceGrpc.newBlockingStub(next());
    }

    WorkOrderServiceGrpc.WorkOrderServiceBlockingStub orders() {
        return WorkOrderServiceGrpc.newBlockingStub(next());
    }

    WorkerServiceGrpc.WorkerServiceBlockingStub workers() {
        return WorkerServiceGrpc.newBlockingStub(next());
    }

    QueueServiceGrpc.QueueServiceBlockingStub queues() {
        return QueueServiceGrpc.newBlockingStub(next());
    }

    @Override
    public void close() {
        connections.forEach(ManagedChannel::shutdown);
        for (var connection : connections) {
            try {
                if (!connection.awaitTermination(5, TimeUnit.SECONDS)) {
                    connection.shutdownNow();
                }
            } catch (InterruptedException e) {
                connection.shutdownNow();
                Thread.currentThread().interrupt();
            }
        }
    }

    private record Bearer(String token) implements ClientInterceptor {
        @Override
        public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
            return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
                @Override
                public void start(Listener<A> listener, Metadata headers) {
                    headers.put(AUTHORIZATION, "Bearer " + token);
                    super.start(listener, headers);
                }
            };
        }
    }
}
