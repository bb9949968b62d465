package dev.sortie.runtime.testing;

import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.process.ServiceIdentity;
import dev.sortie.runtime.process.ServiceRuntime;
import dev.sortie.runtime.sql.DatabaseSettings;
import io.grpc.BindableService;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.function.Function;

/** A real server on a free port, over a real database, and channels to it. Ready when {@link #start} returns. */
public final class RunningServer implements AutoCloseable {
    private final ServiceRuntime runtime;
    private final ManagedChannel channel;

    private RunningServer(ServiceRuntime runtime, ManagedChannel channel) {
        this.runtime = runtime;
        this.channel = channel;
    }

    /** Serves what is made from the runtime. */
    public static RunningServer start(
            ServiceIdentity identity,
            TestDatabase database,
            InstantSource clock,
            Authenticator authenticator,
            Function<ServiceRuntime, List<BindableService>> services) {
        return start(identity, database, ServerSettings.local(), clock, authenticator, services);
    }

    /** The same with settings. */
    public static RunningServer start(
            ServiceIdentity identity,
            TestDatabase database,
            ServerSettings settings,
            InstantSource clock,
            Authenticator authenticator,
            Function<ServiceRuntime, List<BindableService>> services) {
        var runtime = ServiceRuntime.open(identity, settings, DatabaseSettings.of(database.runtimeUrl()), clock);
        try {
            runtime.serve(authenticator, services.apply(runtime));
            runtime.awaitReady(Duration.ofSeconds(30));
        } catch (Exception failed) {
            runtime.close();
            throw new AssertionError("the server did not start", failed);
        }
        return of(runtime);
    }

    /** A server that a test started in its own way. */
    public static RunningServer of(ServiceRuntime runtime) {
        return new RunningServer(
                runtime,
                ManagedChannelBuilder.forTarget(runtime.address())
                        .usePlaintext()
                        .build());
    }

    public ServiceRuntime runtime() {
        return runtime;
    }

    /** Calls without a token. */
    public Channel channel() {
        return channel;
    }

    /** Calls with a token. */
    public Channel channel(String token) {
        var headers = new Metadata();
        headers.put(CallContext.AUTHORIZATION, "Bearer " + token);
        return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    @Override
    public void close() {
        channel.shutdownNow();
        runtime.close();
    }
}
