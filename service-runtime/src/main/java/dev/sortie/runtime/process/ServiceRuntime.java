package dev.sortie.runtime.process;

import dev.sortie.runtime.change.ChangeFeed;
import dev.sortie.runtime.change.ChangeGrpcService;
import dev.sortie.runtime.failure.FailureStatuses;
import dev.sortie.runtime.grpc.Drain;
import dev.sortie.runtime.grpc.GrpcServer;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.observe.AdminServer;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.DatabaseSettings;
import io.grpc.BindableService;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Everything that the three servers have in common, put together: a service makes one, builds its own parts from what it
 * offers, and has it serve them.
 *
 * <pre>{@code
 * var runtime = ServiceRuntime.open(identity, server, database, clock);
 * var missions = new Missions(new MissionStore(), runtime.ids());
 * runtime.every("outbox", Duration.ofSeconds(1), dispatcher::run);
 * runtime.serve(authenticator, List.of(new MissionGrpcService(runtime.replies(), runtime.pageTokens(), missions)));
 * }</pre>
 */
public final class ServiceRuntime implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServiceRuntime.class);
    private static final Duration CHANGES_KEPT = Duration.ofDays(7);
    private static final Duration REQUESTS_KEPT = Duration.ofHours(48);
    private static final Duration DATABASE_WAIT = Duration.ofMinutes(1);
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
    /** With the few seconds for which answers about tokens are used: how long a revoked one keeps a stream open. */
    private static final Duration CALLERS_CHECK = Duration.ofSeconds(5);

    private static final Duration HEALTH_CHECK = Duration.ofSeconds(2);

    private final ServiceIdentity identity;
    private final ServerSettings serverSettings;
    private final DatabaseSettings databaseSettings;
    private final InstantSource clock;
    private final PrometheusMeterRegistry meters;
    private final Vertx vertx;
    private final Database database;
    private final ChangeFeed changes;
    private final Drain drain = new Drain();
    private final Replies replies;
    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private @Nullable PageTokens pageTokens;
    private @Nullable GrpcServer server;
    private @Nullable AdminServer admin;
    private boolean schemaApplied;
    private String lastProblem = "";
    private boolean closed;

    private ServiceRuntime(
            ServiceIdentity identity,
            ServerSettings serverSettings,
            DatabaseSettings databaseSettings,
            InstantSource clock) {
        this.identity = identity;
        this.serverSettings = serverSettings;
        this.databaseSettings = databaseSettings;
        this.clock = clock;
        this.meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        this.meters.config().commonTags("service", identity.name());
        bindProcessMeters(meters);
        this.vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
        this.database = Database.open(vertx, databaseSettings, identity.name(), clock, meters);
        this.changes = ChangeFeed.start(database, meters);
        this.replies = new Replies(database, drain);
    }

    /**
     * Opens the database and starts following its change log. A database that is not there yet is waited for, by those
     * who need it.
     *
     * @param clock the only clock of the service
     */
    public static ServiceRuntime open(
            ServiceIdentity identity,
            ServerSettings serverSettings,
            DatabaseSettings databaseSettings,
            InstantSource clock) {
        return new ServiceRuntime(identity, serverSettings, databaseSettings, clock);
    }

    public Database database() {
        return database;
    }

    public ChangeFeed changes() {
        return changes;
    }

    public Replies replies() {
        return replies;
    }

    public MeterRegistry meters() {
        return meters;
    }

    public Drain drain() {
        return drain;
    }

    public InstantSource clock() {
        return clock;
    }

    public Vertx vertx() {
        return vertx;
    }

    /** New ids by this service's clock. */
    public Ids ids() {
        return Ids.timeOrdered(clock);
    }

    /** Page tokens with the database's secret. Needs the database, and its schema. */
    public synchronized PageTokens pageTokens() {
        if (pageTokens == null) {
            pageTokens = PageTokens.load(database.queries());
        }
        return pageTokens;
    }

    /**
     * Waits until the database answers and has the schema: for what a service must read before it can serve. So it may be
     * started before its database is up or migrated.
     *
     * @throws IllegalStateException when it has waited for a minute
     */
    public void awaitDatabase() {
        long until = System.nanoTime() + DATABASE_WAIT.toNanos();
        while (!isHealthy()) {
            if (System.nanoTime() - until > 0) {
                throw new IllegalStateException("the database is not there, or not migrated, after " + DATABASE_WAIT);
            }
            LockSupport.parkNanos(BETWEEN_LOOKS.toNanos());
        }
    }

    /** Runs a job now and then, until the service stops. */
    public PeriodicJob every(String name, Duration interval, PeriodicJob.Work work) {
        return own(PeriodicJob.start(name, interval, meters, work));
    }

    /** Something to be closed when the service stops: after the server, before the database, the latest first. */
    public synchronized <T extends AutoCloseable> T own(T part) {
        owned.push(part);
        return part;
    }

    /**
     * Starts serving: these services, {@code ChangeService}, health, and reflection and channelz where they are switched
     * on. Becomes ready by itself once the database answers and has the schema.
     *
     * @param authenticator tells who calls
     */
    public synchronized void serve(Authenticator authenticator, List<? extends BindableService> services) {
        var all = new ArrayList<BindableService>(services);
        all.add(new ChangeGrpcService(replies, changes));
        var statuses = new FailureStatuses(identity.errorDomain());
        var started = GrpcServer.start(serverSettings, all, authenticator, statuses, meters, drain);
        server = started;
        admin = AdminServer.start(vertx, serverSettings.host(), serverSettings.adminPort(), meters, started::isReady);
        every("health", HEALTH_CHECK, () -> started.ready(isHealthy()));
        every("callers", CALLERS_CHECK, () -> started.lookAtCallers(clock.instant()));
        every("retention", Duration.ofMinutes(10), this::purge);
        LOG.info("{} listens at {}, metrics and probes at port {}", identity.name(), address(), adminPort());
    }

    /** Where to reach the gRPC server: {@code host:port}. */
    public synchronized String address() {
        if (server == null) {
            throw new IllegalStateException("not serving");
        }
        return server.address();
    }

    /** Where metrics and probes are. */
    public synchronized int adminPort() {
        if (admin == null) {
            throw new IllegalStateException("not serving");
        }
        return admin.port();
    }

    /** True while calls are welcome. */
    public synchronized boolean isReady() {
        return server != null && server.isReady();
    }

    /** Waits until calls are welcome. */
    public void awaitReady(Duration longest) throws InterruptedException, TimeoutException {
        long until = System.nanoTime() + longest.toNanos();
        while (!isReady()) {
            if (System.nanoTime() - until > 0) {
                throw new TimeoutException(identity.name() + " is not ready after " + longest);
            }
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    /** Drains the server, then ends everything else, the latest first. */
    @Override
    public void close() {
        GrpcServer running;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            running = server;
        }
        if (running != null) {
            running.close();
        }
        drain.begin();
        synchronized (this) {
            while (!owned.isEmpty()) {
                close(owned.pop());
            }
            if (admin != null) {
                close(admin);
            }
        }
        close(changes);
        close(database);
        try {
            vertx.close().await(5, TimeUnit.SECONDS);
        } catch (TimeoutException | RuntimeException slow) {
            LOG.debug("the event loops did not end in time", slow);
        }
        LOG.info("{} has stopped", identity.name());
    }

    private static void close(AutoCloseable part) {
        try {
            part.close();
        } catch (Exception failed) {
            LOG.warn("{} did not close", part, failed);
        }
    }

    /** Whether the database answers and has the schema; what it had once it keeps. */
    private boolean isHealthy() {
        var problem = problem();
        if (!problem.isEmpty() && !problem.equals(lastProblem)) {
            LOG.warn("{} is not ready: {}", identity.name(), problem);
        }
        lastProblem = problem;
        return problem.isEmpty();
    }

    private String problem() {
        try {
            database.queries().list("SELECT 1", row -> row.getInteger(0));
            schemaApplied = schemaApplied || identity.migrations().isApplied(databaseSettings.url());
            return schemaApplied ? "" : "the database lacks migrations of this release; run the migrate command";
        } catch (RuntimeException down) {
            return "the database does not answer: " + down.getMessage();
        }
    }

    void purge() {
        var now = clock.instant();
        changes.trim(now.minus(CHANGES_KEPT));
        int purged;
        do {
            purged = database.queries().update("""
                            DELETE FROM idempotency_keys WHERE ctid IN (
                                SELECT ctid FROM idempotency_keys WHERE create_time < $1::timestamptz LIMIT 5000)
                            """, now.minus(REQUESTS_KEPT));
        } while (purged == 5_000);
    }

    @SuppressWarnings("resource") // the binders live as long as the process
    private static void bindProcessMeters(MeterRegistry meters) {
        new JvmMemoryMetrics().bindTo(meters);
        new JvmGcMetrics().bindTo(meters);
        new JvmThreadMetrics().bindTo(meters);
        new ProcessorMetrics().bindTo(meters);
    }
}
