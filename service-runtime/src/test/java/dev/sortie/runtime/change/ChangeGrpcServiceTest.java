package dev.sortie.runtime.change;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.change.v1.AttributeFilter;
import dev.sortie.change.v1.Change;
import dev.sortie.change.v1.ChangeKind;
import dev.sortie.change.v1.ChangeServiceGrpc;
import dev.sortie.change.v1.ChangeServiceGrpc.ChangeServiceBlockingStub;
import dev.sortie.change.v1.WatchChangesRequest;
import dev.sortie.runtime.Things;
import dev.sortie.runtime.grpc.PeerChannel;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class ChangeGrpcServiceTest {
    @AutoClose
    static final TestDatabase POSTGRES = Things.database();

    static final SettableClock CLOCK = new SettableClock();

    @AutoClose
    static final RunningServer SERVER =
            RunningServer.start(Things.IDENTITY, POSTGRES, CLOCK, new FakeAuthenticator(), runtime -> List.of());

    private static final ChangeFilter FOLLOWED =
            new ChangeFilter(Set.of("followed"), Map.of("followed", Set.of("size", "colour")));

    private final ChangeServiceBlockingStub stub =
            ChangeServiceGrpc.newBlockingStub(SERVER.channel("viewer")).withDeadlineAfter(60, TimeUnit.SECONDS);

    @Test
    void beginsWithTheCursorOfNowAndGoesOnFromAnyCursor() {
        var stream = stub.watchChanges(
                WatchChangesRequest.newBuilder().addResourceTypes("thing").build());
        var start = stream.next();
        assertThat(start.getChangesList()).isEmpty();

        var first = commit(SERVER, "thing");
        var second = commit(SERVER, "thing");
        var changes = new ArrayList<Change>();
        while (changes.size() < 2) {
            changes.addAll(stream.next().getChangesList());
        }
        assertThat(changes).extracting(Change::getResourceId).containsExactly(first.toString(), second.toString());
        var change = changes.getFirst();
        assertThat(change.getKind()).isEqualTo(ChangeKind.CHANGE_KIND_CREATED);
        assertThat(change.getAttributes().getFieldsOrThrow("size").getNumberValue())
                .isEqualTo(3);
        assertThat(change.getChangeTime().getSeconds())
                .isEqualTo(CLOCK.instant().getEpochSecond());

        var again = stub.watchChanges(from(start.getCursor()));
        assertThat(again.next().getChanges(0).getResourceId()).isEqualTo(first.toString());
        var later = stub.watchChanges(from(change.getCursor()));
        assertThat(later.next().getChanges(0).getResourceId()).isEqualTo(second.toString());
    }

    @Test
    void sendsOfSomeKindsOnlyTheChangesThatCarryAnAttribute() {
        var stream = stub.watchChanges(WatchChangesRequest.newBuilder()
                .addResourceTypes("picky")
                .addResourceTypes("easy")
                .addAttributeFilters(AttributeFilter.newBuilder()
                        .setResourceType("picky")
                        .addAttributes("colour")
                        .addAttributes("size"))
                .addAttributeFilters(
                        AttributeFilter.newBuilder().setResourceType("picky").addAttributes("shape"))
                .build());
        assertThat(stream.next().getChangesList()).isEmpty();

        var expected = new ArrayList<String>();
        commit(SERVER, "picky", "weight", "7");
        commit(SERVER, "picky", "weight", "\"size\": 3");
        expected.add(commit(SERVER, "picky", "size", "3").toString());
        expected.add(commit(SERVER, "easy", "weight", "7").toString());
        expected.add(commit(SERVER, "picky", "shape", "").toString());
        commit(SERVER, "picky", "sizes", "3");
        expected.add(commit(SERVER, "easy", "weight", "7").toString());
        var seen = new ArrayList<String>();
        while (seen.size() < expected.size()) {
            stream.next().getChangesList().forEach(change -> seen.add(change.getResourceId()));
        }
        assertThat(seen).isEqualTo(expected);
    }

    @Test
    void refusesAFilterThatLetsNothingThrough() {
        StatusAssert.fails(() -> stub.watchChanges(WatchChangesRequest.newBuilder()
                                .addAttributeFilters(
                                        AttributeFilter.newBuilder().setResourceType("picky"))
                                .build())
                        .next())
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("attribute_filters[0].attributes");
    }

    @Test
    void sendsCheckpointsWhileNothingHappens() {
        try (var quiet =
                RunningServer.start(Things.IDENTITY, POSTGRES, CLOCK, new FakeAuthenticator(), runtime -> List.of())) {
            var service = new ChangeGrpcService(
                    quiet.runtime().replies(), quiet.runtime().changes(), Duration.ofMillis(20));
            try (var server = RunningServer.start(
                    Things.IDENTITY,
                    POSTGRES,
                    ServerSettings.local(),
                    CLOCK,
                    new FakeAuthenticator(),
                    runtime -> List.of(new Renamed(service)))) {
                var stream = io.grpc.stub.ClientCalls.blockingServerStreamingCall(
                        server.channel("service"),
                        Renamed.WATCH,
                        io.grpc.CallOptions.DEFAULT,
                        WatchChangesRequest.newBuilder()
                                .addResourceTypes("nothing")
                                .build());
                for (int i = 0; i < 5; i++) {
                    var checkpoint = stream.next();
                    assertThat(checkpoint.getChangesList()).isEmpty();
                    assertThat(checkpoint.getCursor()).hasSize(43);
                }
            }
        }
    }

    @Test
    void refusesACursorThatIsNotOneAndOneFromAnotherDatabase() {
        StatusAssert.fails(() -> stub.watchChanges(from("nonsense")).next())
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_CURSOR_INVALID)
                .metadata("field", "cursor")
                .field("cursor");
        var foreign = new Cursor(UUID.randomUUID(), new Position(1, 1)).encode();
        StatusAssert.fails(() -> stub.watchChanges(from(foreign)).next())
                .with(Status.Code.OUT_OF_RANGE, ErrorReason.ERROR_REASON_CURSOR_TOO_OLD);
    }

    @Test
    void followsThroughFailuresAndRestartsAndAppliesEverythingOnce() throws Exception {
        var store = new Store();
        int port;
        var expected = new ArrayList<String>();
        try (var server = start(0)) {
            port = port(server);
            try (var peer = PeerChannel.open("127.0.0.1:" + port, () -> "service");
                    var follower = ChangeFollower.start("things", peer.channel(), FOLLOWED, store)) {
                store.reconciled.poll(30, TimeUnit.SECONDS);
                expected.add(commit(server, "followed").toString());
                commit(server, "ignored");
                commit(server, "followed", "weight", "7");
                store.failNext = true;
                expected.add(commit(server, "followed").toString());
                server.close();
                try (var restarted = start(port)) {
                    expected.add(commit(restarted, "followed").toString());
                    var applied = new ArrayList<String>();
                    while (applied.size() < 3) {
                        var id = store.applied.poll(30, TimeUnit.SECONDS);
                        assertThat(id).isNotNull();
                        applied.add(id);
                    }
                    assertThat(applied).isEqualTo(expected);
                    assertThat(store.reconciliations).hasValue(1);
                    assertThat(follower).isNotNull();
                }
            }
        }
    }

    @Test
    void beginsAnewAndReconcilesWhenItsCursorIsTooOld() throws Exception {
        var store = new Store();
        store.cursor = new Cursor(UUID.randomUUID(), new Position(1, 1)).encode();
        try (var peer = PeerChannel.open(SERVER.runtime().address(), () -> "service");
                var follower =
                        ChangeFollower.start("things", peer.channel(), ChangeFilter.of(Set.of("renewed")), store)) {
            assertThat(store.reconciled.poll(30, TimeUnit.SECONDS)).isNotNull();
            var id = commit(SERVER, "renewed");
            assertThat(store.applied.poll(30, TimeUnit.SECONDS)).isEqualTo(id.toString());
            assertThat(follower).isNotNull();
        }
    }

    /** Keeps the cursor with what was applied, as a database would. */
    private static final class Store implements ChangeFollower.Handler {
        final LinkedBlockingQueue<String> applied = new LinkedBlockingQueue<>();
        final LinkedBlockingQueue<String> reconciled = new LinkedBlockingQueue<>();
        final AtomicInteger reconciliations = new AtomicInteger();
        volatile String cursor = "";
        volatile boolean failNext;

        @Override
        public String cursor() {
            return cursor;
        }

        @Override
        public void apply(List<Change> changes, String after) {
            if (failNext && !changes.isEmpty()) {
                failNext = false;
                throw new IllegalStateException("on purpose");
            }
            changes.forEach(change -> applied.add(change.getResourceId()));
            cursor = after;
        }

        @Override
        public void reconcile() {
            reconciliations.incrementAndGet();
            reconciled.add(cursor);
        }
    }

    /** The service under another name, beside the one that every server has. */
    private record Renamed(ChangeGrpcService service) implements io.grpc.BindableService {
        static final io.grpc.MethodDescriptor<WatchChangesRequest, dev.sortie.change.v1.WatchChangesResponse> WATCH =
                ChangeServiceGrpc.getWatchChangesMethod().toBuilder()
                        .setFullMethodName("sortie.test.v1.ChangeService/WatchChanges")
                        .build();

        @Override
        public io.grpc.ServerServiceDefinition bindService() {
            return io.grpc.ServerServiceDefinition.builder("sortie.test.v1.ChangeService")
                    .addMethod(WATCH, io.grpc.stub.ServerCalls.asyncServerStreamingCall(service::watchChanges))
                    .build();
        }
    }

    private static RunningServer start(int port) {
        var local = ServerSettings.local();
        var settings = new ServerSettings(
                local.host(),
                port,
                0,
                local.maxCalls(),
                local.maxStreams(),
                local.maxCallsPerConnection(),
                local.maxMessageBytes(),
                local.defaultDeadline(),
                local.drainTime(),
                Duration.ZERO,
                true,
                false);
        return RunningServer.start(
                Things.IDENTITY, POSTGRES, settings, CLOCK, new FakeAuthenticator(), runtime -> List.of());
    }

    private static int port(RunningServer server) {
        return Integer.parseInt(server.runtime().address().split(":")[1]);
    }

    private static WatchChangesRequest from(String cursor) {
        return WatchChangesRequest.newBuilder()
                .setCursor(cursor)
                .addResourceTypes("thing")
                .build();
    }

    private static UUID commit(RunningServer server, String type) {
        return commit(server, type, "size", 3);
    }

    private static UUID commit(RunningServer server, String type, String attribute, Object value) {
        return server.runtime().database().transaction(tx -> {
            var id = UUID.randomUUID();
            tx.change(dev.sortie.runtime.sql.Change.created(type, id, 1).with(attribute, value));
            return id;
        });
    }
}
