package dev.sortie.runtime.grpc;

import dev.sortie.runtime.failure.FailureStatuses;
import dev.sortie.runtime.identity.Authenticator;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.ChannelzService;
import io.grpc.protobuf.services.HealthStatusManager;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A gRPC server with every limit set, NOT_SERVING until {@link #ready}. Health names two services besides the real ones:
 * the empty name is readiness, {@value #LIVENESS} says only that the process answers.
 */
public final class GrpcServer implements AutoCloseable {
    /** The health service's name for liveness. */
    public static final String LIVENESS = "liveness";

    private static final Logger LOG = LoggerFactory.getLogger(GrpcServer.class);
    private static final int KIB = 1024;

    private final Server server;
    private final HealthStatusManager health;
    private final List<String> names;
    private final ServerSettings settings;
    private final Drain drain;
    private final LimitInterceptor limits;
    private final StreamCallers streamCallers;
    private final ExecutorService executor;
    private final ScheduledExecutorService timer;
    private boolean ready;
    private boolean closed;

    private GrpcServer(
            ServerSettings settings,
            List<? extends BindableService> services,
            Authenticator authenticator,
            FailureStatuses statuses,
            MeterRegistry meters,
            Drain drain) {
        this.settings = settings;
        this.drain = drain;
        this.executor = Executors.newThreadPerTaskExecutor(
                Thread.ofVirtual().name("rpc").factory());
        this.timer = DeadlineInterceptor.timer();
        this.health = new HealthStatusManager();
        this.limits = new LimitInterceptor(settings, meters);
        var rules = new AccessRules();
        this.streamCallers = new StreamCallers(authenticator, rules);
        var definitions = services.stream()
                .map(service -> bind(service, authenticator, rules))
                .toList();
        this.names = definitions.stream()
                .map(definition -> definition.getServiceDescriptor().getName())
                .toList();
        publish(ServingStatus.NOT_SERVING);
        health.setStatus(LIVENESS, ServingStatus.SERVING);

        var builder = NettyServerBuilder.forAddress(new InetSocketAddress(settings.host(), settings.port()))
                .executor(executor)
                .maxInboundMessageSize(settings.maxMessageBytes())
                .maxInboundMetadataSize(12 * KIB, 16 * KIB)
                .maxConcurrentCallsPerConnection(settings.maxCallsPerConnection())
                .maxRstFramesPerWindow(400, 30) // rapid resets cost a server more than a client
                .flowControlWindow(1024 * KIB)
                .keepAliveTime(60, TimeUnit.SECONDS)
                .keepAliveTimeout(20, TimeUnit.SECONDS)
                .permitKeepAliveTime(15, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true)
                .maxConnectionIdle(15, TimeUnit.MINUTES)
                .maxConnectionAge(30, TimeUnit.MINUTES) // so that new replicas get their share
                .maxConnectionAgeGrace(10, TimeUnit.MINUTES)
                .neverIndexMetadataKey(CallContext.AUTHORIZATION);
        interceptors(settings, authenticator, statuses, meters, rules)
                .reversed()
                .forEach(builder::intercept);
        for (ServerServiceDefinition definition : definitions) {
            builder.addService(definition);
        }
        builder.addService(health.getHealthService());
        if (settings.reflection()) {
            builder.addService(new Reflection());
        }
        if (settings.channelz()) {
            builder.addService(ChannelzService.newInstance(100));
        }
        this.server = builder.build();
    }

    /**
     * Starts listening; answers NOT_SERVING to health checks, and calls as well as it can, until {@link #ready}.
     *
     * @param authenticator tells who calls
     * @param drain begins when this server begins to stop
     * @throws UncheckedIOException when the port is taken
     */
    public static GrpcServer start(
            ServerSettings settings,
            List<? extends BindableService> services,
            Authenticator authenticator,
            FailureStatuses statuses,
            MeterRegistry meters,
            Drain drain) {
        var started = new GrpcServer(settings, services, authenticator, statuses, meters, drain);
        try {
            started.server.start();
        } catch (IOException failed) {
            started.executor.close();
            started.timer.close();
            throw new UncheckedIOException("cannot listen at " + settings.host() + ":" + settings.port(), failed);
        }
        return started;
    }

    /** From the outermost to the innermost. */
    private List<ServerInterceptor> interceptors(
            ServerSettings settings,
            Authenticator authenticator,
            FailureStatuses statuses,
            MeterRegistry meters,
            AccessRules rules) {
        var chain = new ArrayList<ServerInterceptor>();
        // 1. Correlation id, log and metrics: outermost, so that they see every call, with the status it ends with.
        chain.add(new ObservationInterceptor(meters));
        // 2. Failures: everything below may throw.
        chain.add(new FailureInterceptor(statuses));
        // 3. Limits: before anything that costs something.
        chain.add(limits);
        // 4. Deadline: what follows may wait, for the authenticator first of all.
        chain.add(new DeadlineInterceptor(settings.defaultDeadline(), timer));
        // 5. Authentication: who calls.
        chain.add(new AuthenticationInterceptor(authenticator, rules));
        // 6. Authorization: whether they may; nobody may what the contract does not allow.
        chain.add(new AuthorizationInterceptor(rules));
        // 7. Streams: whoever has one open is asked for again now and then.
        chain.add(streamCallers);
        // 8. Parsing: only of requests whose caller may make them, so that it tells strangers nothing. See bind.
        chain.add(new ParsingInterceptor());
        // 9. Tokens in requests, and validation, are added in bind: they need requests that are parsed.
        // 10. Idempotency is no interceptor: it belongs in the transaction of the change. See Replies.write.
        return chain;
    }

    /**
     * A service that gets its requests as bytes and parses them itself, inside of the interceptors. Left to gRPC, which
     * parses them before any interceptor, a broken one would be answered UNKNOWN.
     */
    private static ServerServiceDefinition bind(
            BindableService service, Authenticator authenticator, AccessRules rules) {
        return ServerInterceptors.useInputStreamMessages(
                // The last one is the outermost.
                ServerInterceptors.intercept(
                        service,
                        new ValidationInterceptor(new RequestRules()),
                        new RequestTokenInterceptor(authenticator, rules)));
    }

    /** The port it listens at. */
    public int port() {
        return server.getPort();
    }

    /** Where to reach it: {@code host:port}. */
    public String address() {
        return settings.host() + ":" + port();
    }

    /** Ends the streams of those who may no longer have them. */
    public void lookAtCallers(Instant now) {
        streamCallers.look(now);
    }

    /** Says to health checks whether calls are welcome. Once it stops they never are again. */
    public synchronized void ready(boolean isReady) {
        if (isReady != ready && !drain.hasBegun()) {
            ready = isReady;
            LOG.info("{} is {}", address(), isReady ? "ready" : "not ready");
            publish(isReady ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
        }
    }

    /** True between {@code ready(true)} and the beginning of the end. */
    public synchronized boolean isReady() {
        return ready && !drain.hasBegun();
    }

    /**
     * Stops: NOT_SERVING first, then a notice to balancers, then no new calls, then an end to streams and long polls,
     * then what time is left for the rest. Returns when everything has ended or the time is up.
     */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        health.enterTerminalState();
        try {
            if (!settings.drainNotice().isZero()) {
                LockSupport.parkNanos(settings.drainNotice().toNanos());
            }
            server.shutdown(); // does not wait
            drain.begin();
            long until = System.nanoTime() + settings.drainTime().toNanos();
            // Streams of health checks end only when they are cut off, and are no reason to wait.
            while (!server.awaitTermination(20, TimeUnit.MILLISECONDS) && !limits.isIdle()) {
                if (System.nanoTime() - until > 0) {
                    LOG.warn("calls did not end within {}; they are cut off", settings.drainTime());
                    break;
                }
            }
            server.shutdownNow();
            server.awaitTermination(2, TimeUnit.SECONDS);
        } catch (InterruptedException _) {
            server.shutdownNow();
            Thread.currentThread().interrupt();
        }
        executor.shutdown();
        timer.shutdownNow();
    }

    private void publish(ServingStatus status) {
        health.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, status);
        names.forEach(name -> health.setStatus(name, status));
    }
}
