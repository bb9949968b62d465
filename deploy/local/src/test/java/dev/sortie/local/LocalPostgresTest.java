package dev.sortie.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalPostgresTest {

    @TempDir
    static Path temp;

    private static DataFolder folder;
    private static LocalPostgres postgres;
    private static DatabaseUrl url;

    @BeforeAll
    static void start() throws Exception {
        folder = new DataFolder(temp.resolve("data"));
        LaunchedSortie.shareBinaries(folder);
        postgres = new LocalPostgres(folder);
        url = postgres.start(0);
    }

    @AfterAll
    static void stop() {
        postgres.stop();
    }

    @Test
    void commitsAreOnDiskWhenTheyAreAcknowledged() throws Exception {
        for (var setting : List.of("fsync", "synchronous_commit", "full_page_writes")) {
            assertThat(query(url, "SHOW " + setting)).as(setting).isEqualTo("on");
        }
    }

    @Test
    void aServerThatDoesNotWaitForTheDiskIsRefused() throws Exception {
        query(url, "ALTER ROLE postgres SET synchronous_commit = off", false);
        try {
            assertThatThrownBy(() -> postgres.checkDurable(url))
                    .isInstanceOf(LocalException.class)
                    .hasMessageContaining("synchronous_commit = off (expected: on)");
        } finally {
            query(url, "ALTER ROLE postgres RESET synchronous_commit", false);
        }
        postgres.checkDurable(url);
    }

    @Test
    void anotherServerThatDoesNotWaitForTheDiskIsWarnedOf() throws Exception {
        query(url, "CREATE ROLE hasty LOGIN SUPERUSER PASSWORD 'hasty'", false);
        query(url, "ALTER ROLE hasty SET synchronous_commit = off", false);

        assertThat(Databases.warnings(url)).isEmpty();
        assertThat(Databases.warnings(url.with("postgres", "hasty", "hasty")))
                .singleElement()
                .asString()
                .contains(url.host() + ":" + url.port() + " has synchronous_commit off");
    }

    @Test
    void nobodyGetsInWithoutThePassword() {
        assertThatThrownBy(() -> url.with("postgres", "postgres", "").connect()).isInstanceOf(SQLException.class);
        assertThatThrownBy(() -> url.with("postgres", "postgres", "wrong").connect())
                .hasMessageContaining("password authentication failed");
    }

    @Test
    void secretsAreReadableByTheirOwnerAlone() throws Exception {
        assertThat(mode(folder.root())).isEqualTo("rwx------");
        assertThat(mode(folder.secrets())).isEqualTo("rwx------");
        assertThat(mode(folder.secrets().resolve("postgres.password"))).isEqualTo("rw-------");
        assertThat(mode(folder.postgresql())).isEqualTo("rwx------");
        assertThat(mode(folder.logs().resolve("postgresql.log"))).isEqualTo("rw-------");
    }

    @Test
    void itListensOnTheLoopbackAddressAlone() throws Exception {
        for (var networkInterface : NetworkInterface.networkInterfaces().toList()) {
            for (var address : networkInterface.inetAddresses().toList()) {
                if (!address.isLoopbackAddress()) {
                    assertThatThrownBy(() -> new Socket(address, url.port()).close())
                            .as(address.toString())
                            .isInstanceOf(java.io.IOException.class);
                }
            }
        }
        assertThat(query(url, "SHOW unix_socket_directories")).isEmpty();
    }

    @Test
    void everyServiceGetsADatabaseWithAnOwnerAndARuntimeRole() throws Exception {
        var secrets = new Secrets(folder.secrets());
        ServiceDatabase.ensure("mission", url, secrets, true);
        var database = ServiceDatabase.ensure("mission", url, secrets, true);
        var other = ServiceDatabase.ensure("agent", url, secrets, true);

        query(database.owner(), "CREATE TABLE notes (id bigint, text text)", false);
        query(database.owner(), "GRANT SELECT, INSERT ON notes TO sortie_mission", false);
        query(database.runtime(), "INSERT INTO notes (id, text) VALUES (1, 'a')", false);
        assertThat(query(database.runtime(), "SELECT text FROM notes")).isEqualTo("a");
        assertThatThrownBy(() -> query(database.runtime(), "CREATE TABLE mine (id int)", false))
                .hasMessageContaining("permission denied");
        assertThatThrownBy(() -> query(database.runtime(), "DROP TABLE notes", false))
                .hasMessageContaining("must be owner");
        assertThatThrownBy(() -> database.runtime()
                        .with(
                                "sortie_agent",
                                database.runtime().user(),
                                database.runtime().password())
                        .connect())
                .hasMessageContaining("permission denied for database");
        assertThat(query(other.runtime(), "SELECT current_database()")).isEqualTo("sortie_agent");
    }

    @Test
    void anAdministratorWhoIsNoSuperuserCanMakeTheDatabases(@TempDir Path own) throws Exception {
        query(url, "CREATE ROLE helper LOGIN CREATEDB CREATEROLE PASSWORD 'helper'", false);
        var secrets = new Secrets(own);

        var database = ServiceDatabase.ensure("knowledge", url.with("postgres", "helper", "helper"), secrets, false);
        ServiceDatabase.ensure("knowledge", url.with("postgres", "helper", "helper"), secrets, false);

        query(database.owner(), "CREATE TABLE notes (id bigint, text text)", false);
        query(database.owner(), "GRANT SELECT, INSERT ON notes TO sortie_knowledge", false);
        query(database.runtime(), "INSERT INTO notes (id, text) VALUES (1, 'a')", false);
        assertThatThrownBy(() -> ServiceDatabase.ensure(
                        "knowledge", url, new Secrets(Files.createDirectory(own.resolve("x"))), false))
                .hasMessageContaining("has another password than the one this data folder keeps");
    }

    @Test
    void aPortThatIsTakenIsNamed(@TempDir Path other) throws Exception {
        var second = new DataFolder(other);
        LaunchedSortie.shareBinaries(second);
        try (var socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            assertThatThrownBy(() -> new LocalPostgres(second).start(socket.getLocalPort()))
                    .isInstanceOf(LocalException.class)
                    .hasMessageContaining("Port " + socket.getLocalPort() + " is taken")
                    .hasMessageContaining("--postgres-port");
        }
    }

    @Test
    void aDatabaseOfAnotherMajorVersionIsRefused(@TempDir Path other) throws Exception {
        var second = new DataFolder(other);
        LaunchedSortie.shareBinaries(second);
        Files.createDirectory(second.postgresql());
        Files.writeString(second.postgresql().resolve("PG_VERSION"), "17\n");

        assertThatThrownBy(() -> new LocalPostgres(second).start(0))
                .isInstanceOf(LocalException.class)
                .hasMessageContaining("was made by PostgreSQL 17 (expected: 18)");
    }

    private static String mode(Path file) throws Exception {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private static String query(DatabaseUrl url, String sql) throws SQLException {
        return query(url, sql, true);
    }

    private static String query(DatabaseUrl url, String sql, boolean answers) throws SQLException {
        try (var connection = url.connect();
                var statement = connection.createStatement()) {
            if (!answers) {
                statement.execute(sql.replace("", ""));
                return "";
            }
            try (var rows = statement.executeQuery(sql)) {
                rows.next();
                return rows.getString(1);
            }
        }
    }
}
