package dev.sortie.e2e;

import dev.sortie.agent.AgentMain;
import dev.sortie.agent.AgentServer;
import dev.sortie.knowledge.KnowledgeMain;
import dev.sortie.knowledge.KnowledgeServer;
import dev.sortie.mission.MissionMain;
import dev.sortie.mission.MissionServer;
import dev.sortie.mission.domain.CredentialKeyset;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.sql.Migrations;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The three services as three processes, each with its own database, as they run in production. */
final class Cluster implements AutoCloseable {

    static final List<String> SERVICES = List.of("mission", "agent", "knowledge");

    /** What tests that start a cluster lock, so that one of them has the machine at a time. */
    static final String MACHINE = "machine";

    private static final Duration START = Duration.ofMinutes(3);
    private static final Map<String, Class<?>> MAINS =
            Map.of("mission", MissionMain.class, "agent", AgentMain.class, "knowledge", KnowledgeMain.class);

    private final Path folder;
    private final String adminToken = newToken();
    private final Map<String, TestDatabase> databases = new HashMap<>();
    private final Map<String, Integer> ports = new HashMap<>();
    private final Map<String, Map<String, String>> environments = new HashMap<>();
    private final Map<String, JavaProcess> processes = new HashMap<>();
    private final List<ManagedChannel> channels = new ArrayList<>();

    private Cluster(Path folder) {
        this.folder = folder;
    }

    /**
     * Starts all three and waits until they are ready.
     *
     * @param folder an empty folder for logs and the search index
     */
    static Cluster start(Path folder) {
        return start(folder, Map.of());
    }

    /**
     * The same with more in the environment of mission-service.
     *
     * @param missionEnvironment settings, and what the JVM reads there
     */
    static Cluster start(Path folder, Map<String, String> missionEnvironment) {
        var cluster = new Cluster(folder);
        try {
            cluster.configure();
            cluster.environments.get("mission").putAll(missionEnvironment);
            SERVICES.forEach(cluster::launch);
            SERVICES.forEach(cluster::awaitReady);
            return cluster;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (RuntimeException | AssertionError e) {
            cluster.close();
            throw e;
        }
    }

    String adminToken() {
        return adminToken;
    }

    /** The address of a service: host:port. It stays the same over restarts. */
    String address(String service) {
        return "127.0.0.1:" + ports.get(service);
    }

    /** A new channel to each service, closed with the cluster. */
    Map<String, ManagedChannel> channels() {
        var made = new HashMap<String, ManagedChannel>();
        for (var service : SERVICES) {
            var channel = Grpc.newChannelBuilder(address(service), InsecureChannelCredentials.create())
                    .build();
            channels.add(channel);
            made.put(service, channel);
        }
        return made;
    }

    /** Ends a service as {@code kill -9} does, and starts it anew. */
    void killAndRestart(String service) {
        processes.get(service).kill();
        launch(service);
        awaitReady(service);
    }

    /** Looks into the database of a service, as its owner: the first column of the first row. */
    String query(String service, String sql) {
        try (var connection = databases.get(service).connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    /** The end of what a service wrote to its log. */
    String log(String service) {
        var log = processes.get(service).output();
        return log.substring(Math.max(0, log.length() - 4_000));
    }

    private void configure() throws IOException {
        var tokens = new HashMap<String, String>();
        var accounts = new ArrayList<String>();
        for (var service : SERVICES) {
            tokens.put(service, newToken());
            accounts.add(service + "-service=" + tokens.get(service));
            ports.put(service, freePort());
        }
        databases.put("mission", database("mission", MissionServer.IDENTITY.migrations()));
        databases.put("agent", database("agent", AgentServer.IDENTITY.migrations()));
        databases.put("knowledge", database("knowledge", KnowledgeServer.IDENTITY.migrations()));
        for (var service : SERVICES) {
            var environment = new HashMap<String, String>();
            environment.put("SORTIE_HOST", "127.0.0.1");
            environment.put("SORTIE_GRPC_PORT", String.valueOf(ports.get(service)));
            environment.put("SORTIE_ADMIN_PORT", "0");
            environment.put("SORTIE_DATABASE_URL", databases.get(service).runtimeUrl());
            environment.put("SORTIE_SERVICE_TOKEN", tokens.get(service));
            for (var peer : SERVICES) {
                if (!peer.equals(service)) {
                    environment.put("SORTIE_" + peer.toUpperCase(Locale.ROOT) + "_ADDRESS", address(peer));
                }
            }
            environments.put(service, environment);
        }
        environments.get("mission").put("SORTIE_SIGNING_KEY", SigningKeys.generate());
        environments.get("mission").put("SORTIE_CREDENTIAL_KEYS", CredentialKeyset.generate());
        environments.get("mission").put("SORTIE_SERVICE_ACCOUNTS", String.join(",", accounts));
        environments.get("mission").put("SORTIE_ADMIN_TOKEN", adminToken);
        environments
                .get("knowledge")
                .put("SORTIE_INDEX_FOLDER", folder.resolve("index").toString());
    }

    private void launch(String service) {
        processes.put(
                service,
                JavaProcess.start(
                        folder.resolve(service + ".log"),
                        environments.get(service),
                        MAINS.get(service).getName(),
                        "serve"));
    }

    private void awaitReady(String service) {
        long end = System.nanoTime() + START.toNanos();
        var channel = Grpc.newChannelBuilder(address(service), InsecureChannelCredentials.create())
                .build();
        try {
            while (!isServing(channel)) {
                if (!processes.get(service).isAlive() || System.nanoTime() > end) {
                    throw new AssertionError(service + "-service does not get ready:\n" + log(service));
                }
                LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
                channel.resetConnectBackoff();
            }
        } finally {
            channel.shutdownNow();
        }
    }

    private static boolean isServing(ManagedChannel channel) {
        try {
            var health = HealthGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .check(HealthCheckRequest.getDefaultInstance());
            return health.getStatus() == ServingStatus.SERVING;
        } catch (StatusRuntimeException notYet) {
            return false;
        }
    }

    private static TestDatabase database(String schema, Migrations migrations) {
        return TestPostgres.database(schema, ownerUrl -> migrations.migrate(ownerUrl, TestPostgres.runtimeRole()));
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static String newToken() {
        return ApiTokens.generate(new SecureRandom());
    }

    @Override
    public void close() {
        channels.forEach(ManagedChannel::shutdownNow);
        processes.values().forEach(JavaProcess::close);
        databases.values().forEach(TestDatabase::close);
    }
}
