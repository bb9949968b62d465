package dev.sortie.runtime;

import dev.sortie.runtime.process.ServiceIdentity;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.DatabaseSettings;
import dev.sortie.runtime.sql.Migrations;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.time.InstantSource;

/** A service with one table, for the tests of what services have in common. */
public final class Things {
    public static final ServiceIdentity IDENTITY =
            new ServiceIdentity("things-service", "things.sortie.dev", new Migrations("db/migration/things"));
    public static final Vertx VERTX = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));

    private Things() {}

    /** A database with the table in it. */
    public static TestDatabase database() {
        return TestPostgres.database(
                "things", ownerUrl -> IDENTITY.migrations().migrate(ownerUrl, TestPostgres.runtimeRole()));
    }

    /** A client of the database. */
    public static Database open(TestDatabase database, InstantSource clock) {
        return open(DatabaseSettings.of(database.runtimeUrl()), clock);
    }

    public static Database open(DatabaseSettings settings, InstantSource clock) {
        return Database.open(VERTX, settings, IDENTITY.name(), clock, new SimpleMeterRegistry());
    }
}
