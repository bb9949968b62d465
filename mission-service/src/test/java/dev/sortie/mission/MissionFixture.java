package dev.sortie.mission;

import dev.sortie.mission.domain.Bootstrap.ServiceAccount;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.mission.domain.CredentialKeyset;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.CreateApiTokenRequest;
import dev.sortie.mission.v1.CreateUserRequest;
import dev.sortie.mission.v1.User;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.TestPostgres;
import dev.sortie.type.v1.Scope;
import io.grpc.Channel;
import java.security.SecureRandom;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

/**
 * mission-service as it runs, over a database of its own, with an administrator, the three services, and whoever a test
 * asks for. Its clock stands still until a test moves it.
 */
public final class MissionFixture implements AutoCloseable {
    /** Signs the access tokens of this JVM's tests. */
    public static final String SIGNING_KEY = SigningKeys.generate();

    /** Encrypt the credentials of this JVM's tests. */
    public static final String CREDENTIAL_KEYS = CredentialKeyset.generate();

    private static final SecureRandom RANDOM = new SecureRandom();

    private final TestDatabase database;
    private final SettableClock clock;
    private final MissionConfig config;
    private MissionServer server;
    private RunningServer running;
    private final String adminToken = ApiTokens.generate(RANDOM);
    private final String serviceToken = ApiTokens.generate(RANDOM);
    private final ConcurrentHashMap<UserRole, Person> people = new ConcurrentHashMap<>();
    private final AtomicInteger counter = new AtomicInteger();

    /** Somebody who may call. */
    public record Person(User user, String token) {
        public String id() {
            return user.getUserId();
        }
    }

    private MissionFixture(TestDatabase database, UnaryOperator<MissionConfig> settings) {
        this.database = database;
        this.clock = new SettableClock();
        this.config = settings.apply(MissionConfig.local(database.runtimeUrl(), SigningKeys.parse(SIGNING_KEY))
                .withAccounts(
                        List.of(
                                new ServiceAccount("mission-service", ApiTokens.generate(RANDOM)),
                                new ServiceAccount("agent-service", serviceToken),
                                new ServiceAccount("knowledge-service", ApiTokens.generate(RANDOM))),
                        adminToken)
                .withCredentialKeys(new CredentialKeys.Source(CREDENTIAL_KEYS, null)));
        this.server = MissionServer.start(config, clock);
        this.running = RunningServer.of(server.runtime());
    }

    /** A database with the schema and nothing in it. */
    public static TestDatabase newDatabase() {
        return TestPostgres.database(
                "mission", url -> MissionServer.IDENTITY.migrations().migrate(url, TestPostgres.runtimeRole()));
    }

    public static MissionFixture start() {
        return start(settings -> settings);
    }

    /** The same with other settings. */
    public static MissionFixture start(UnaryOperator<MissionConfig> settings) {
        return start(newDatabase(), settings);
    }

    /** The same over a database that somebody made and filled, which it closes. */
    public static MissionFixture start(TestDatabase database) {
        return start(database, settings -> settings);
    }

    private static MissionFixture start(TestDatabase database, UnaryOperator<MissionConfig> settings) {
        try {
            var fixture = new MissionFixture(database, settings);
            fixture.server.runtime().awaitReady(Duration.ofSeconds(30));
            return fixture;
        } catch (Exception failed) {
            database.close();
            throw new AssertionError("mission-service did not start", failed);
        }
    }

    public TestDatabase database() {
        return database;
    }

    public SettableClock clock() {
        return clock;
    }

    public MissionServer server() {
        return server;
    }

    /** Stops the server and leaves everything else as it is. */
    public void stopServer() {
        running.close();
    }

    /** Starts a server in the place of the one that was stopped. */
    public void startServer() {
        server = MissionServer.start(config, clock);
        running = RunningServer.of(server.runtime());
        awaitReady(server);
    }

    /** Starts another server beside this one. */
    public MissionServer startReplica() {
        var replica = MissionServer.start(config, clock);
        awaitReady(replica);
        return replica;
    }

    private static void awaitReady(MissionServer server) {
        try {
            server.runtime().awaitReady(Duration.ofSeconds(30));
        } catch (Exception late) {
            throw new AssertionError("mission-service did not start", late);
        }
    }

    /** Calls without a token. */
    public Channel anonymous() {
        return running.channel();
    }

    /** Calls with a token. */
    public Channel with(String token) {
        return running.channel(token);
    }

    /** Calls of the administrator. */
    public Channel admin() {
        return with(adminToken);
    }

    public String adminToken() {
        return adminToken;
    }

    /** Calls of agent-service. */
    public Channel service() {
        return with(serviceToken);
    }

    public String serviceToken() {
        return serviceToken;
    }

    /** Calls of a developer, always the same one. */
    public Channel developer() {
        return with(person(UserRole.USER_ROLE_DEVELOPER).token());
    }

    /** Calls of a viewer, always the same one. */
    public Channel viewer() {
        return with(person(UserRole.USER_ROLE_VIEWER).token());
    }

    /** The person behind {@link #developer()} or {@link #viewer()}. */
    public Person person(UserRole role) {
        return people.computeIfAbsent(role, this::newPerson);
    }

    /** Somebody new with a role and an API token. */
    public Person newPerson(UserRole role) {
        return newPerson(role, "");
    }

    /** The same with a password. */
    public Person newPerson(UserRole role, String password) {
        var name = "person-" + counter.incrementAndGet();
        var user = UserServiceGrpc.newBlockingStub(admin())
                .createUser(CreateUserRequest.newBuilder()
                        .setUser(User.newBuilder()
                                .setUsername(name)
                                .setEmail(name + "@example.com")
                                .setRole(role))
                        .setPassword(password)
                        .build())
                .getUser();
        return new Person(user, newToken(user.getUserId()));
    }

    /** A new API token of somebody. */
    public String newToken(String userId, Scope... scopes) {
        return AuthServiceGrpc.newBlockingStub(admin())
                .createApiToken(CreateApiTokenRequest.newBuilder()
                        .setUserId(userId)
                        .setDisplayName("test")
                        .addAllScopes(List.of(scopes))
                        .build())
                .getSecret();
    }

    /** Purges the missions whose time is over, as the server does by itself now and then. */
    public void purgeMissions() {
        server.missionPurge().runOnce();
    }

    /** The same of projects. */
    public void purgeProjects() {
        server.projectPurge().runOnce();
    }

    /** Purges the plans whose time is over, as the server does by itself now and then. */
    public void purgePlans() {
        server.planPurge().runOnce();
    }

    /** Dispatches what plans have room for, as the server does by itself now and then. */
    public void schedulePlans() {
        schedulePlans(server);
    }

    /** The same by a certain server. */
    public static void schedulePlans(MissionServer server) {
        server.scheduler().run();
    }

    /** Warns of deadlines, as the server does by itself now and then. */
    public void lookAtDeadlines() {
        server.deadlines().run();
    }

    /** Purges the refresh tokens whose time is over, as the server does by itself now and then. */
    public void purgeRefreshTokens() {
        server.refreshTokens().purge();
    }

    /** Reads the keys of credentials anew, as the server does by itself every few seconds. */
    public void readKeys() {
        server.keyReports().run();
    }

    /** The first column of the first row that the owner of the database finds. */
    public String query(String sql) {
        try (var connection = database.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    /** Removes the streamed contents that nobody needs, as the server does by itself now and then. */
    public void sweepContents() {
        server.contentSweep().runOnce();
    }

    /** Stops the server and drops the database. */
    @Override
    public void close() {
        running.close();
        database.close();
    }
}
