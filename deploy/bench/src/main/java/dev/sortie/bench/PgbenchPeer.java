package dev.sortie.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** SQL that pgbench runs, each statement in a transaction of its own. */
final class PgbenchPeer implements Peer {
    private static final String PLAIN = """
            DROP TABLE IF EXISTS plain_orders;
            CREATE TABLE plain_orders (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                status text NOT NULL DEFAULT 'PENDING',
                priority integer NOT NULL DEFAULT 3,
                run_at timestamptz NOT NULL DEFAULT now(),
                payload jsonb NOT NULL,
                lease_expires_at timestamptz,
                result jsonb,
                completed_at timestamptz);
            CREATE INDEX plain_orders_line_idx ON plain_orders (priority, run_at, id) WHERE status = 'PENDING'
            """;
    private static final String FILL_PLAIN = """
            INSERT INTO plain_orders (payload) SELECT '{"n": 1}' FROM generate_series(1, %d)
            """;
    private static final String COUNT_PLAIN = "SELECT count(*) FROM plain_orders WHERE status = 'COMPLETED'";
    private static final String PLAIN_ONE = """
            UPDATE plain_orders SET status = 'CLAIMED', lease_expires_at = now() + interval '1 minute' WHERE id = (SELECT id FROM plain_orders WHERE status = 'PENDING' AND run_at <= now() ORDER BY priority, run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, payload \\gset
            UPDATE plain_orders SET status = 'COMPLETED', result = '{"n": 1}', completed_at = now() WHERE id = (:id)::bigint AND status = 'CLAIMED' AND lease_expires_at > now();
            """;
    private static final String PLAIN_MANY = """
            WITH claimed AS (UPDATE plain_orders SET status = 'CLAIMED', lease_expires_at = now() + interval '1 minute' WHERE id = ANY (ARRAY(SELECT id FROM plain_orders WHERE status = 'PENDING' AND run_at <= now() ORDER BY priority, run_at, id LIMIT 100 FOR UPDATE SKIP LOCKED)) RETURNING id, payload) SELECT coalesce(array_agg(id), '{}') AS ids, count(payload) AS payloads FROM claimed \\gset
            UPDATE plain_orders SET status = 'COMPLETED', result = '{"n": 1}', completed_at = now() WHERE id = ANY ((:ids)::bigint[]) AND status = 'CLAIMED' AND lease_expires_at > now();
            """;
    private static final String PGMQ = """
            DROP SCHEMA IF EXISTS pgmq CASCADE;
            CREATE SCHEMA pgmq
            """;
    private static final String FILL_PGMQ = """
            INSERT INTO pgmq.q_bench (vt, message) SELECT clock_timestamp(), '{"n": 1}' FROM generate_series(1, %d)
            """;
    private static final String COUNT_PGMQ = "SELECT count(*) FROM pgmq.a_bench";
    private static final String PGMQ_ONE = """
            SELECT msg_id FROM pgmq.read('bench', 60, 1) \\gset
            SELECT pgmq.archive('bench', (:msg_id)::bigint);
            """;
    private static final String PGMQ_MANY = """
            SELECT coalesce(array_agg(msg_id), '{}') AS ids FROM pgmq.read('bench', 60, 100) \\gset
            SELECT count(*) FROM pgmq.archive('bench', (:ids)::bigint[]);
            """;

    private static final String PLACE_ONE = """
            INSERT INTO plain_orders (payload) VALUES ('{"n": 1}');
            """;
    private static final String PLACE_MANY = """
            INSERT INTO plain_orders (payload) SELECT '{"n": 1}' FROM generate_series(1, 100);
            """;

    /**
     * What is run.
     *
     * @param fill how orders are placed first; null when that is what is measured
     * @param counted how many orders were done
     */
    private record Scripts(String setUp, @Nullable String fill, String script, String counted) {}

    private final Target target;
    private final String database;
    private final String name;
    private final Scripts scripts;
    private final @Nullable Path setUpFile;
    private final boolean needsFile;
    private final int clients;
    private final int ordersPerSecond;

    private PgbenchPeer(
            Target target,
            String database,
            String name,
            Scripts scripts,
            @Nullable Path setUpFile,
            boolean needsFile,
            boolean many) {
        this.target = target;
        this.database = database;
        this.name = name;
        this.scripts = scripts;
        this.setUpFile = setUpFile;
        this.needsFile = needsFile;
        this.clients = many ? 4 : 64;
        this.ordersPerSecond = many ? 120_000 : 12_000;
    }

    /** Claim and complete as two plain statements. */
    static Peer plain(Target target, String database, boolean many) {
        return new PgbenchPeer(
                target,
                database,
                many ? "plain SQL (pgbench), 100 per statement, 4 clients" : "plain SQL (pgbench), 64 clients",
                new Scripts(PLAIN, FILL_PLAIN, many ? PLAIN_MANY : PLAIN_ONE, COUNT_PLAIN),
                null,
                false,
                many);
    }

    /** Orders placed by a plain statement. */
    static Peer placing(Target target, String database, boolean many) {
        return new PgbenchPeer(
                target,
                database,
                many ? "plain SQL (pgbench), 100 per statement, 4 clients" : "plain SQL (pgbench), 64 clients",
                new Scripts(PLAIN, null, many ? PLACE_MANY : PLACE_ONE, "SELECT count(*) FROM plain_orders"),
                null,
                false,
                many);
    }

    /**
     * The functions read and archive of pgmq.
     *
     * @param sql its file pgmq.sql; null when there is none
     */
    static Peer pgmq(Target target, String database, @Nullable Path sql, boolean many) {
        return new PgbenchPeer(
                target,
                database,
                many
                        ? "pgmq (pgbench), read and archive 100, 4 clients"
                        : "pgmq (pgbench), read and archive, 64 clients",
                new Scripts(PGMQ, FILL_PGMQ, many ? PGMQ_MANY : PGMQ_ONE, COUNT_PGMQ),
                sql,
                true,
                many);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public @Nullable String missing() {
        if (needsFile && setUpFile == null) {
            return "the file pgmq.sql of github.com/pgmq/pgmq: --pgmq FILE";
        }
        return Programs.has("pgbench") ? null : "pgbench (in Debian with the package postgresql)";
    }

    @Override
    public double perSecond(Duration runFor) throws Exception {
        try (var connection = target.connect(database);
                var statement = connection.createStatement()) {
            statement.execute(scripts.setUp);
            if (setUpFile != null) {
                statement.execute(Files.readString(setUpFile));
                statement.execute("SELECT pgmq.create('bench')");
            }
            if (scripts.fill != null) {
                statement.execute(scripts.fill.formatted(runFor.toSeconds() * ordersPerSecond));
            }
            statement.execute("VACUUM ANALYZE");
            statement.execute("CHECKPOINT");
        }
        var file = Files.createTempFile("sortie-bench", ".sql");
        try {
            Files.writeString(file, scripts.script);
            var result = Programs.run(
                    List.of(
                            "pgbench",
                            "--no-vacuum",
                            "--protocol=prepared",
                            "--client=" + clients,
                            "--jobs=2",
                            "--time=" + runFor.toSeconds(),
                            "--file=" + file,
                            "--host=" + target.host(),
                            "--port=" + target.port(),
                            "--username=" + target.user(),
                            database),
                    Map.of("PGPASSWORD", target.password()),
                    runFor.plusSeconds(60));
            return completed() / seconds(result, runFor);
        } finally {
            Files.delete(file);
        }
    }

    /** By the transactions that pgbench made and their rate: the time without that of connecting. */
    private static double seconds(String output, Duration runFor) throws IOException {
        double transactions = 0;
        double rate = 0;
        for (var line : output.lines().toList()) {
            if (line.startsWith("number of transactions actually processed: ")) {
                transactions = Double.parseDouble(
                        line.substring(line.indexOf(": ") + 2).split("/")[0].strip());
            } else if (line.startsWith("tps = ")) {
                rate = Double.parseDouble(line.substring(6).split(" ")[0]);
            }
        }
        if (rate == 0) {
            throw new IOException("pgbench said:\n" + output);
        }
        return Math.max(transactions / rate, runFor.toMillis() / 2_000.0);
    }

    private double completed() throws SQLException {
        try (var connection = target.connect(database);
                var statement = connection.createStatement();
                var rows = statement.executeQuery(scripts.counted)) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
