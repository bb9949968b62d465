package dev.sortie.e2e;

import dev.sortie.agent.AgentMain;
import dev.sortie.agent.AgentServer;
import dev.sortie.agent.v1.QueueServiceGrpc;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.agent.v1.WorkerServiceGrpc;
import dev.sortie.local.OwnPostgres;
import dev.sortie.runtime.identity.ApiTokens;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** Processes of agent-service over one database, on a PostgreSQL of their own; anything of it may be killed. */
final class AgentReplicas implements AutoCloseable {
    private static final Duration START = Duration.ofMinutes(3);
    private static final String DATABASE = "agent";
    private static final String RUNTIME = "agent_runtime";
    private static final String OWNER = "agent_owner";
    private static final String PASSWORD = "secret";

    private final Path folder;
    private final OwnPostgres postgres;
    private final StandInMission mission;
    private final String token = ApiTokens.generate(new SecureRandom());
    private final List<Replica> replicas = new ArrayList<>();

    /** One process, wherever it was started last, and a channel to its address. */
    private static final class Replica {
        final int port;
        final Map<String, String> environment;
        final Path log;
        final ManagedChannel connection;
        final Channel channel;
        JavaProcess process;

        Replica(int port, Map<String, String> environment, Path log, String token) {
            this.port = port;
            this.environment = environment;
            this.log = log;
            this.connection = Grpc.newChannelBuilder("127.0.0.1:" + port, InsecureChannelCredentials.create())
                    .build();
            var headers = new Metadata();
            headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
            this.channel = ClientInterceptors.intercept(connection, MetadataUtils.newAttachHeadersInterceptor(headers));
        }
    }

    private AgentReplicas(Path folder, OwnPostgres postgres, StandInMission mission) {
        this.folder = folder;
        this.postgres = postgres;
        this.mission = mission;
    }

    /**
     * Starts PostgreSQL and some processes, and waits until they are ready.
     *
     * @param folder an empty folder
     */
    static AgentReplicas start(Path folder, int count) throws IOException, SQLException, TimeoutException {
        var postgres = OwnPostgres.start(folder.resolve("postgres"));
        AgentReplicas started = null;
        try {
            started = new AgentReplicas(folder, postgres, StandInMission.start());
            started.migrate();
            for (int i = 0; i < count; i++) {
                started.add(Map.of());
            }
            for (int i = 0; i < count; i++) {
                started.awaitReady(i);
            }
            return started;
        } catch (IOException | SQLException | RuntimeException | AssertionError failed) {
            if (started == null) {
                postgres.close();
            } else {
                started.close();
            }
            throw failed;
        }
    }

    private void migrate() throws SQLException, TimeoutException {
        try (var connection = postgres.connect("postgres");
                var statement = connection.createStatement()) {
            statement.execute("CREATE ROLE %s LOGIN PASSWORD '%s'".formatted(OWNER, PASSWORD));
            statement.execute("CREATE ROLE %s LOGIN PASSWORD '%s'".formatted(RUNTIME, PASSWORD));
            statement.execute("CREATE DATABASE %s OWNER %s".formatted(DATABASE, OWNER));
        }
        AgentServer.IDENTITY.migrations().migrate(postgres.url(DATABASE, OWNER, PASSWORD), RUNTIME);
    }

    /**
     * Starts one more process.
     *
     * @param settings beside those that it needs
     * @return its number
     */
    int add(Map<String, String> settings) throws IOException {
        int index = replicas.size();
        int port = freePort();
        var environment = new HashMap<String, String>();
        environment.put("SORTIE_HOST", "127.0.0.1");
        environment.put("SORTIE_GRPC_PORT", String.valueOf(port));
        environment.put("SORTIE_ADMIN_PORT", "0");
        environment.put("SORTIE_DATABASE_URL", postgres.url(DATABASE, RUNTIME, PASSWORD));
        environment.put("SORTIE_MISSION_ADDRESS", mission.address());
        environment.put("SORTIE_SERVICE_TOKEN", token);
        environment.putAll(settings);
        var replica = new Replica(port, environment, folder.resolve("agent-" + index + ".log"), token);
        replicas.add(replica);
        launch(replica);
        return index;
    }

    private static void launch(Replica replica) {
        replica.process = JavaProcess.start(replica.log, replica.environment, AgentMain.class.getName(), "serve");
    }

    /** Ends a process as {@code kill -9} does, and starts it anew. Does not wait until it is ready. */
    void killAndRestart(int index) {
        var replica = replicas.get(index);
        replica.process.kill();
        launch(replica);
    }

    /** Ends a process for good. */
    void end(int index) {
        replicas.get(index).connection.shutdownNow();
        replicas.get(index).process.close();
    }

    /** Waits until a process says that calls are welcome. */
    void awaitReady(int index) {
        var replica = replicas.get(index);
        long until = System.nanoTime() + START.toNanos();
        while (!isServing(replica.connection)) {
            if (!replica.process.isAlive() || System.nanoTime() > until) {
                var log = replica.process.output();
                throw new AssertionError(
                        "agent-service does not get ready:\n" + log.substring(Math.max(0, log.length() - 4_000)));
            }
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
            replica.connection.resetConnectBackoff();
        }
    }

    private static boolean isServing(ManagedChannel channel) {
        try {
            return HealthGrpc.newBlockingStub(channel)
                            .withDeadlineAfter(10, TimeUnit.SECONDS)
                            .check(HealthCheckRequest.getDefaultInstance())
                            .getStatus()
                    == ServingStatus.SERVING;
        } catch (StatusRuntimeException notYet) {
            return false;
        }
    }

    /** The service at one process, with a deadline for each call. */
    final class Server {
        private final Replica replica;

        private Server(Replica replica) {
            this.replica = replica;
        }

        WorkServiceGrpc.WorkServiceBlockingStub work() {
            return WorkServiceGrpc.newBlockingStub(replica.channel).withDeadlineAfter(20, TimeUnit.SECONDS);
        }

        WorkOrderServiceGrpc.WorkOrderServiceBlockingStub orders() {
            return WorkOrderServiceGrpc.newBlockingStub(replica.channel).withDeadlineAfter(20, TimeUnit.SECONDS);
        }

        WorkerServiceGrpc.WorkerServiceBlockingStub workers() {
            return WorkerServiceGrpc.newBlockingStub(replica.channel).withDeadlineAfter(20, TimeUnit.SECONDS);
        }

        QueueServiceGrpc.QueueServiceBlockingStub queues() {
            return QueueServiceGrpc.newBlockingStub(replica.channel).withDeadlineAfter(20, TimeUnit.SECONDS);
        }

        /** Has the channel connect at once the next time, however often it has failed. */
        void retry() {
            replica.connection.resetConnectBackoff();
        }
    }

    Server server(int index) {
        return new Server(replicas.get(index));
    }

    /** One of the first two. */
    Server any(Random random) {
        return server(random.nextInt(2));
    }

    /** Where a process listens, over restarts. */
    String address(int index) {
        return "127.0.0.1:" + replicas.get(index).port;
    }

    String token() {
        return token;
    }

    OwnPostgres postgres() {
        return postgres;
    }

    /** A connection of the superuser to the service's database. */
    Connection connect() throws SQLException {
        return postgres.connect(DATABASE);
    }

    /** What the processes wrote that went wrong, the latest of it. */
    String errors() {
        var lines = replicas.stream()
                .flatMap(replica -> replica.process.output().lines())
                .toList();
        var found = new ArrayList<String>();
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).contains(" ERROR ")) {
                found.addAll(lines.subList(i, Math.min(lines.size(), i + 25)));
            }
        }
        return String.join("\n", found.subList(Math.max(0, found.size() - 100), found.size()));
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @Override
    public void close() {
        replicas.forEach(replica -> {
            replica.connection.shutdownNow();
            replica.process.close();
        });
        mission.close();
        postgres.close();
    }
}
