package dev.sortie.runtime.sql;

import dev.sortie.runtime.identity.Principal;
import io.grpc.Context;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.NetClientOptions;
import io.vertx.pgclient.PgBuilder;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.PgConnection;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.PoolOptions;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlClient;
import io.vertx.sqlclient.SqlConnection;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The database of a service, through two clients: one whose few connections pipeline single statements, and a pool for
 * transactions. Everything is bounded: connections, waiting, the time of a statement, and by the deadline of the call
 * that waits for it. Safe for concurrent use; meant for virtual threads.
 */
public final class Database implements AutoCloseable {
    /** How often a transaction is run at most, before its caller is told that there is too much contention. */
    static final int MAX_ATTEMPTS = 8;

    private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

    // A plan for any parameters, made once: for small statements, to plan costs more than to run. How it finds rows
    // must
    // not hang on how many there are, or are asked for.
    private static final String BEGIN_OFTEN =
            Isolation.READ_COMMITTED.begin + "; SET LOCAL plan_cache_mode = force_generic_plan";

    private final SqlClient pipelined;
    private final Pool pool;
    private final PgConnectOptions connectOptions;
    private final Vertx vertx;
    private final InstantSource clock;
    private final Principal self;
    private final AtomicInteger active = new AtomicInteger();
    private final Counter retries;
    private final List<Runnable> changeListeners = new CopyOnWriteArrayList<>();
    private final List<StatementListener> statementListeners = new CopyOnWriteArrayList<>();

    /** Hears of statements. */
    @FunctionalInterface
    public interface StatementListener {
        /**
         * A statement is about to be sent. Must not block.
         *
         * @param principal on whose behalf
         * @param parameters may hold secrets
         */
        void onStatement(Principal principal, String sql, @Nullable Object[] parameters);
    }

    private Database(
            Vertx vertx, DatabaseSettings settings, String serviceName, InstantSource clock, MeterRegistry meters) {
        this.vertx = vertx;
        this.clock = clock;
        this.self = Principal.internal(serviceName);
        this.connectOptions = connectOptions(settings, serviceName);
        var tcp =
                new NetClientOptions().setTcpKeepAlive(true).setTcpNoDelay(true).setConnectTimeout(5_000);
        this.pipelined = PgBuilder.client()
                .with(poolOptions(settings).setMaxSize(settings.pipelinedConnections()))
                .connectingTo(new PgConnectOptions(connectOptions).setPipeliningLimit(64))
                .with(tcp)
                .using(vertx)
                .build();
        this.pool = PgBuilder.pool()
                .with(poolOptions(settings).setMaxSize(settings.poolSize()))
                .connectingTo(connectOptions)
                .with(tcp)
                .using(vertx)
                .build();
        this.retries = meters.counter("sortie.database.retries");
        Gauge.builder("sortie.database.transactions", active, AtomicInteger::get)
                .register(meters);
    }

    /**
     * Opens both clients. Does not connect yet, hence never fails for a database that is down.
     *
     * @param vertx stays the caller's
     * @param serviceName how this service appears in the database's list of connections, and as the actor of what it
     *     does by itself
     */
    public static Database open(
            Vertx vertx, DatabaseSettings settings, String serviceName, InstantSource clock, MeterRegistry meters) {
        return new Database(vertx, settings, serviceName, clock, meters);
    }

    /** Single statements on behalf of the service itself. */
    public Queries queries() {
        return queries(self);
    }

    /** Single statements on behalf of a caller, each committed by itself. */
    public Queries queries(Principal principal) {
        return new Pipelined(principal, now());
    }

    /** A transaction of the service itself. */
    public <T extends @Nullable Object> T transaction(Function<Tx, T> work) {
        return transaction(self, Isolation.READ_COMMITTED, work);
    }

    /**
     * Runs work in a transaction and commits it, with the changes that it noted. Conflicts with other transactions, and
     * connections that break before the commit, run the work again from its start, a bounded number of times: it must
     * not do anything that cannot be repeated, other than through {@link Tx#afterCommit}. What the work throws rolls
     * everything back.
     */
    public <T extends @Nullable Object> T transaction(Principal principal, Isolation isolation, Function<Tx, T> work) {
        return transaction(principal, isolation.begin, work, () -> {});
    }

    /**
     * A transaction of the service itself, one of very many that are alike; says when all is done but for the commit,
     * which may take a while.
     */
    <T extends @Nullable Object> T transaction(Function<Tx, T> work, Runnable committing) {
        return transaction(self, BEGIN_OFTEN, work, committing);
    }

    private <T extends @Nullable Object> T transaction(
            Principal principal, String begin, Function<Tx, T> work, Runnable committing) {
        boolean replanned = false;
        for (int attempt = 1; ; attempt++) {
            var transaction = new Attempt(principal, begin, committing);
            try {
                return transaction.run(work);
            } catch (RuntimeException failed) {
                boolean again = SqlFailures.isConflict(failed)
                        || (SqlFailures.isStalePlan(failed) && !replanned)
                        || (SqlFailures.isConnectionLost(failed) && !transaction.committing && attempt <= 2);
                if (!again || attempt == MAX_ATTEMPTS || Context.current().isCancelled()) {
                    throw failed;
                }
                replanned |= SqlFailures.isStalePlan(failed);
                retries.increment();
                LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(1_000_000L << Math.min(attempt, 6)));
            }
        }
    }

    /** Calls back after each commit in this process that wrote to the change log. The callback must not block. */
    public void onChange(Runnable listener) {
        changeListeners.add(listener);
    }

    /** Calls back with every statement of this process but those that begin and end transactions: for tests of plans. */
    public void onStatement(StatementListener listener) {
        statementListeners.add(listener);
    }

    /** What is set in each of its sessions, by the names of PostgreSQL. */
    public Map<String, String> sessionSettings() {
        return Map.copyOf(connectOptions.getProperties());
    }

    /** The options of its connections, for those who need one of their own (a subscriber). */
    public PgConnectOptions connectOptions() {
        return new PgConnectOptions(connectOptions);
    }

    public Vertx vertx() {
        return vertx;
    }

    public InstantSource clock() {
        return clock;
    }

    @Override
    public void close() {
        pipelined.close();
        pool.close();
    }

    private void tell(Principal principal, String sql, @Nullable Object[] parameters) {
        for (var listener : statementListeners) {
            listener.onStatement(principal, sql, parameters);
        }
    }

    private Instant now() {
        return clock.instant().truncatedTo(ChronoUnit.MICROS);
    }

    /** Waits for an answer, at most as long as the call has. */
    static <T> T await(Future<T> future) throws TimeoutException {
        if (future.isComplete()) {
            return future.await();
        }
        var deadline = Context.current().getDeadline();
        long longest = LONGEST_WAIT.toNanos();
        long left = deadline == null ? longest : Math.min(longest, deadline.timeRemaining(TimeUnit.NANOSECONDS));
        if (left <= 0) {
            throw new TimeoutException();
        }
        return future.await(left, TimeUnit.NANOSECONDS);
    }

    private static PgConnectOptions connectOptions(DatabaseSettings settings, String serviceName) {
        var options = PgConnectOptions.fromUri(settings.url());
        options.setCachePreparedStatements(true)
                .setPreparedStatementCacheMaxSize(1_024)
                .setPreparedStatementCacheSqlFilter(_ -> true) // the default leaves out SQL of 2,048 characters
                .setPipeliningLimit(16);
        options.addProperty("application_name", serviceName)
                .addProperty("TimeZone", "UTC")
                // Calls are many and small: one that spreads over cores, or is compiled first, costs the others more.
                .addProperty("max_parallel_workers_per_gather", "0")
                .addProperty("jit", "off")
                .addProperty(
                        "statement_timeout",
                        Long.toString(settings.statementTimeout().toMillis()))
                .addProperty(
                        "lock_timeout", Long.toString(settings.lockTimeout().toMillis()))
                .addProperty(
                        "idle_in_transaction_session_timeout",
                        Long.toString(settings.idleInTransactionTimeout().toMillis()));
        return options;
    }

    private static PoolOptions poolOptions(DatabaseSettings settings) {
        return new PoolOptions()
                .setMaxWaitQueueSize(settings.maxWaiting())
                .setConnectionTimeout(0) // waiting is bounded by the call's deadline, without a timer per statement
                .setIdleTimeout(10)
                .setIdleTimeoutUnit(TimeUnit.MINUTES)
                .setMaxLifetime(60)
                .setMaxLifetimeUnit(TimeUnit.MINUTES)
                .setPoolCleanerPeriod(10_000)
                .setEventLoopSize(Math.max(2, Runtime.getRuntime().availableProcessors())); // 0 pins all to one loop
    }

    private static <T> List<T> map(RowSet<Row> rows, Function<Row, T> mapper) {
        var mapped = new ArrayList<T>(rows.size());
        for (var row : rows) {
            mapped.add(mapper.apply(row));
        }
        return mapped;
    }

    private static <T> Optional<T> first(RowSet<Row> rows, Function<Row, T> mapper) {
        var iterator = rows.iterator();
        return iterator.hasNext() ? Optional.of(mapper.apply(iterator.next())) : Optional.empty();
    }

    /** Statements through the pipelining client. */
    private final class Pipelined implements Queries {
        private final Principal principal;
        private final Instant now;

        Pipelined(Principal principal, Instant now) {
            this.principal = principal;
            this.now = now;
        }

        @Override
        public <T> List<T> list(String sql, Function<Row, T> mapper, @Nullable Object... parameters) {
            return map(execute(sql, parameters), mapper);
        }

        @Override
        public <T> Optional<T> find(String sql, Function<Row, T> mapper, @Nullable Object... parameters) {
            return first(execute(sql, parameters), mapper);
        }

        @Override
        public int update(String sql, @Nullable Object... parameters) {
            return execute(sql, parameters).rowCount();
        }

        @Override
        public Instant now() {
            return now;
        }

        @Override
        public Principal principal() {
            return principal;
        }

        private RowSet<Row> execute(String sql, @Nullable Object... parameters) {
            var tuple = Rows.parameters(parameters);
            tell(principal, sql, parameters);
            try {
                return await(pipelined.preparedQuery(sql).execute(tuple));
            } catch (Throwable failed) {
                if (!SqlFailures.isStalePlan(failed)) {
                    throw SqlFailures.translate(failed);
                }
            }
            try {
                return await(pipelined.preparedQuery(sql).execute(tuple));
            } catch (Throwable failed) {
                throw SqlFailures.translate(failed);
            }
        }
    }

    /** One attempt at a transaction. */
    private final class Attempt {
        private final Principal principal;
        private final String begin;
        private final Runnable beforeCommit;
        boolean committing;

        Attempt(Principal principal, String begin, Runnable beforeCommit) {
            this.principal = principal;
            this.begin = begin;
            this.beforeCommit = beforeCommit;
        }

        <T extends @Nullable Object> T run(Function<Tx, T> work) {
            var connection = connect();
            active.incrementAndGet();
            boolean committed = false;
            var tx = new Tx(connection, principal, Database.this.now(), Database.this::tell);
            try {
                tx.begin(begin);
                T result = work.apply(tx);
                tx.logChanges();
                committing = true;
                tx.commit(beforeCommit);
                committed = true;
                connection.close();
                if (tx.hasChanges()) {
                    changeListeners.forEach(Runnable::run);
                }
                tx.runAfterCommit();
                return result;
            } finally {
                active.decrementAndGet();
                if (!committed) {
                    abandon(connection, tx);
                }
            }
        }

        private SqlConnection connect() {
            var future = pool.getConnection();
            try {
                return await(future);
            } catch (Throwable failed) {
                future.onSuccess(SqlConnection::close); // it may still come
                throw SqlFailures.translate(failed);
            }
        }

        private void abandon(SqlConnection connection, Tx tx) {
            // By a statement, whose answer says that the signal is out: whatever reaches the connection from then on is
            // safe
            // from it. A cancel request would still be on its way, and hit the statement of whoever is next.
            Future<?> cancelled = tx.isWaiting()
                    ? pipelined
                            .preparedQuery("SELECT pg_cancel_backend($1::int)")
                            .execute(Rows.parameters(
                                    PgConnection.cast(connection).processId()))
                    : Future.succeededFuture();
            cancelled.transform(_ -> connection.query("ROLLBACK").execute()).onComplete(_ -> connection.close());
        }
    }
}
