package dev.sortie.bench;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerName;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** db-scheduler, in this process: one-time tasks, which are removed when they are done. */
final class DbSchedulerPeer implements Peer {
    private static final int THREADS = 64;
    private static final int ORDERS_PER_SECOND = 30_000;
    private static final String TABLE = """
            DROP TABLE IF EXISTS scheduled_tasks;
            CREATE TABLE scheduled_tasks (
                task_name text NOT NULL,
                task_instance text NOT NULL,
                task_data bytea,
                execution_time timestamptz NOT NULL,
                picked boolean NOT NULL,
                picked_by text,
                last_success timestamptz,
                last_failure timestamptz,
                consecutive_failures integer,
                last_heartbeat timestamptz,
                version bigint NOT NULL,
                priority smallint,
                state text,
                PRIMARY KEY (task_name, task_instance));
            CREATE INDEX execution_time_idx ON scheduled_tasks (execution_time);
            CREATE INDEX last_heartbeat_idx ON scheduled_tasks (last_heartbeat)
            """;
    private static final String FILL = """
            INSERT INTO scheduled_tasks (task_name, task_instance, execution_time, picked, version)
            SELECT 'bench', gen_random_uuid()::text, now(), false, 1 FROM generate_series(1, ?)
            """;

    private final Target target;
    private final String database;

    DbSchedulerPeer(Target target, String database) {
        this.target = target;
        this.database = database;
    }

    @Override
    public String name() {
        var version = new Properties();
        try (var file = Scheduler.class.getResourceAsStream(
                "/META-INF/maven/com.github.kagkarlsson/db-scheduler/pom.properties")) {
            if (file != null) {
                version.load(file);
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
        return "db-scheduler " + version.getProperty("version", "") + ", lock-and-fetch, 64 threads";
    }

    @Override
    public @Nullable String missing() {
        return null;
    }

    @Override
    public double perSecond(Duration runFor) throws Exception {
        long orders = runFor.toSeconds() * ORDERS_PER_SECOND;
        try (var connection = target.connect(database);
                var statement = connection.createStatement()) {
            statement.execute(TABLE);
            try (var fill = connection.prepareStatement(FILL)) {
                fill.setLong(1, orders);
                fill.execute();
            }
            statement.execute("VACUUM ANALYZE scheduled_tasks");
            statement.execute("CHECKPOINT");
        }
        var config = new HikariConfig();
        config.setJdbcUrl("jdbc:postgresql://" + target.host() + ":" + target.port() + "/" + database);
        config.setUsername(target.user());
        config.setPassword(target.password());
        config.setMaximumPoolSize(32);
        try (var pool = new HikariDataSource(config)) {
            var task = Tasks.oneTime("bench").execute((_, _) -> {});
            var scheduler = Scheduler.create(pool, task)
                    .threads(THREADS)
                    .pollUsingLockAndFetch(0.5, 4.0)
                    .pollingInterval(Duration.ofMillis(100))
                    .schedulerName(new SchedulerName.Fixed("bench"))
                    .shutdownMaxWait(Duration.ofSeconds(10))
                    .build();
            long start = System.nanoTime();
            scheduler.start();
            long left = orders;
            while (left > 0 && System.nanoTime() - start < runFor.toNanos()) {
                TimeUnit.MILLISECONDS.sleep(100);
                left = left();
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            scheduler.stop();
            return (orders - left) / seconds;
        }
    }

    private long left() throws SQLException {
        try (var connection = target.connect(database);
                var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT count(*) FROM scheduled_tasks")) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
