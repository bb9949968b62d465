package dev.sortie.runtime.sql;

import dev.sortie.runtime.config.Settings;
import java.time.Duration;
import java.util.Objects;

/**
 * How a service reaches its database and how much of it it may use.
 *
 * @param url {@code postgresql://role:password@host:port/database?sslmode=…} of the runtime role, which has no DDL
 * @param poolSize connections for transactions
 * @param pipelinedConnections connections that single statements share
 * @param maxWaiting calls that may wait for a connection; further ones are refused at once
 * @param statementTimeout the longest a statement may run
 * @param lockTimeout the longest a statement may wait for a lock
 * @param idleInTransactionTimeout the longest a transaction may stand idle
 */
public record DatabaseSettings(
        String url,
        int poolSize,
        int pipelinedConnections,
        int maxWaiting,
        Duration statementTimeout,
        Duration lockTimeout,
        Duration idleInTransactionTimeout) {

    /** Reads {@code SORTIE_DATABASE_…}. */
    public static DatabaseSettings read(Settings settings) {
        var url = settings.secret(
                "SORTIE_DATABASE_URL", "PostgreSQL of the runtime role: postgresql://role:password@host/db");
        if (url == null) {
            settings.problem("SORTIE_DATABASE_URL: is required (postgresql://role:password@host:port/database)");
        }
        return of(Objects.requireNonNullElse(url, "")).with(settings);
    }

    /** The defaults for a database. */
    public static DatabaseSettings of(String url) {
        return new DatabaseSettings(
                url, 16, 4, 1_024, Duration.ofSeconds(30), Duration.ofSeconds(10), Duration.ofSeconds(30));
    }

    private DatabaseSettings with(Settings settings) {
        return new DatabaseSettings(
                url,
                settings.integer("SORTIE_DATABASE_POOL_SIZE", poolSize, 1, 1_000, "connections for transactions"),
                settings.integer(
                        "SORTIE_DATABASE_PIPELINED_CONNECTIONS",
                        pipelinedConnections,
                        1,
                        100,
                        "connections that single statements share"),
                settings.integer(
                        "SORTIE_DATABASE_MAX_WAITING", maxWaiting, 1, 100_000, "calls that may wait for a connection"),
                settings.duration(
                        "SORTIE_DATABASE_STATEMENT_TIMEOUT",
                        statementTimeout,
                        Duration.ofMillis(100),
                        Duration.ofHours(1),
                        "the longest a statement may run"),
                settings.duration(
                        "SORTIE_DATABASE_LOCK_TIMEOUT",
                        lockTimeout,
                        Duration.ofMillis(10),
                        Duration.ofHours(1),
                        "the longest a statement may wait for a lock"),
                settings.duration(
                        "SORTIE_DATABASE_IDLE_IN_TRANSACTION_TIMEOUT",
                        idleInTransactionTimeout,
                        Duration.ofSeconds(1),
                        Duration.ofHours(1),
                        "the longest a transaction may stand idle"));
    }

    @Override
    public String toString() {
        return "DatabaseSettings[poolSize=" + poolSize + "]"; // the URL holds a password
    }
}
