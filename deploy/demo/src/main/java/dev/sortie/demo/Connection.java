package dev.sortie.demo;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** A channel to one of the services, with the caller's token on every call. */
final class Connection implements AutoCloseable {

    /** How long a service that is away is waited for. */
    static final Duration PATIENCE = Duration.ofMinutes(2);

    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final Set<Status.Code> PASSING =
            Set.of(Status.Code.UNAVAILABLE, Status.Code.RESOURCE_EXHAUSTED, Status.Code.ABORTED);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

    private final ManagedChannel channel;

    /** @param address host and port, such as {@code localhost:7401} */
    Connection(String address, String token) {
        channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                .intercept(new Bearer(token))
                .build();
    }

    Channel channel() {
        return channel;
    }

    /**
     * Makes a call again and again while the service is away or busy. The call has to be safe to repeat.
     *
     * @throws StatusRuntimeException what the service answered, when it is another failure or lasts too long
     */
    static <T> T patiently(Supplier<T> call) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        var pause = Duration.ofMillis(50);
        while (true) {
            try {
                return call.get();
            } catch (StatusRuntimeException failure) {
                boolean passing = PASSING.contains(failure.getStatus().getCode());
                if (!passing
                        || System.nanoTime() > end
                        || Thread.currentThread().isInterrupted()) {
                    throw failure;
                }
            }
            LockSupport.parkNanos(pause.toNanos());
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
        }
    }

    @Override
    public void close() {
        channel.shutdown();
        try {
            if (!channel.awaitTermination(2, TimeUnit.SECONDS)) {
                channel.shutdownNow();
            }
        } catch (InterruptedException e) {
            channel.shutdownNow();
            Thread.currentThread().interrupt();
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
