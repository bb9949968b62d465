package dev.sortie.runtime.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateHopResponse;
import dev.sortie.mission.v1.GetHopRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.HopServiceGrpc.HopServiceBlockingStub;
import dev.sortie.runtime.Things;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class RepliesTest {
    @AutoClose
    static final TestDatabase POSTGRES = Things.database();

    @AutoClose
    static final RunningServer SERVER = RunningServer.start(
            Things.IDENTITY,
            POSTGRES,
            new SettableClock(),
            new FakeAuthenticator(),
            runtime -> List.of(new ThingService(runtime.replies(), runtime.ids())));

    private final HopServiceBlockingStub developer = HopServiceGrpc.newBlockingStub(SERVER.channel("developer"));
    private final HopServiceBlockingStub admin = HopServiceGrpc.newBlockingStub(SERVER.channel("admin"));

    @Test
    void createsOnceWhenFiftyEqualRequestsArriveAtOnce() throws Exception {
        var request = create("fifty", UUID.randomUUID().toString());
        var barrier = new CyclicBarrier(50);
        var answers = new ArrayList<CreateHopResponse>();
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var futures = new ArrayList<Future<CreateHopResponse>>();
            for (int i = 0; i < 50; i++) {
                futures.add(executor.submit(() -> {
                    barrier.await();
                    return developer.createHop(request);
                }));
            }
            for (var future : futures) {
                answers.add(future.get(60, TimeUnit.SECONDS));
            }
        }
        assertThat(answers).filteredOn(CreateHopResponse::getReplayed).hasSize(49);
        assertThat(answers)
                .extracting(CreateHopResponse::getHop)
                .containsOnly(answers.getFirst().getHop());
        assertThat(count("SELECT count(*) FROM things WHERE name = 'fifty'")).isEqualTo(1);
        assertThat(count("SELECT count(*) FROM change_log WHERE resource_id = '"
                        + answers.getFirst().getHop().getHopId() + "'"))
                .isEqualTo(1);
    }

    @Test
    void refusesAnotherRequestUnderTheSameId() {
        var id = UUID.randomUUID().toString();
        developer.createHop(create("reused", id));
        StatusAssert.fails(() -> developer.createHop(create("reused differently", id)))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_REQUEST_ID_REUSED)
                .metadata("request_id", id);
    }

    @Test
    void knowsAnIdOnlyForTheCallerWhoUsedIt() {
        var id = UUID.randomUUID().toString();
        var mine = developer.createHop(create("mine", id));
        var theirs = admin.createHop(create("theirs", id));
        assertThat(theirs.getReplayed()).isFalse();
        assertThat(theirs.getHop()).isNotEqualTo(mine.getHop());
    }

    @Test
    void forgetsAnIdWhoseRequestFailed() {
        var id = UUID.randomUUID().toString();
        var taken = developer.createHop(create("taken", ""));
        assertThat(taken.getReplayed()).isFalse();
        StatusAssert.fails(() -> developer.createHop(create("taken", id)))
                .with(Status.Code.ALREADY_EXISTS, ErrorReason.ERROR_REASON_NOT_OWNER);
        POSTGRES.execute("DELETE FROM things WHERE name = 'taken'");
        assertThat(developer.createHop(create("taken", id)).getReplayed()).isFalse();
    }

    @Test
    void createsTwiceWithoutAnId() {
        var first = developer.createHop(create("no id 1", ""));
        var second = developer.createHop(create("no id 2", ""));
        assertThat(first.getHop()).isNotEqualTo(second.getHop());
    }

    @Test
    void refusesAnIdThatIsNoUuid() {
        StatusAssert.fails(() -> developer.createHop(create("x", "not a uuid")))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("request_id");
    }

    @Test
    void readsWhatWasWrittenAndSaysWhatIsNotThere() {
        var created = developer.createHop(create("readable", "")).getHop();
        assertThat(developer.getHop(get(created.getHopId())).getHop().getName()).isEqualTo("readable");
        var unknown = UUID.randomUUID().toString();
        StatusAssert.fails(() -> developer.getHop(get(unknown)))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("id", unknown);
    }

    private static CreateHopRequest create(String name, String requestId) {
        return CreateHopRequest.newBuilder()
                .setHop(Hop.newBuilder()
                        .setMissionId("01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55")
                        .setName(name))
                .setRequestId(requestId)
                .build();
    }

    private static GetHopRequest get(String id) {
        return GetHopRequest.newBuilder().setHopId(id).build();
    }

    private static long count(String sql) throws SQLException {
        try (var connection = POSTGRES.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
