package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.ListMissionsResponse;
import dev.sortie.mission.v1.ListUsersRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionOrder;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.User;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The lists of missions and users by what they are filtered and ordered by. */
class MissionListTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final Comparator<Mission> BY_DEADLINE = Comparator.comparing((Mission mission) ->
                    mission.hasDeadline() ? mission.getDeadline().getSeconds() : Long.MAX_VALUE)
            .thenComparing(Mission::getMissionId);

    private final Calls developer = Calls.of(MISSION.developer());

    @Test
    void findsMissionsByClientPersonAndRepository() {
        var mark = UUID.randomUUID().toString();
        var one = developer.createMission(Mission.newBuilder()
                .setName("one")
                .setClient(mark)
                .setAssignedTo("ada")
                .setGithubUrl("https://github.com/sortie/" + mark)
                .build());
        var two = developer.createMission(
                Mission.newBuilder().setName("two").setClient(mark).build());
        assertThat(list(request().setClient(mark)))
                .extracting(Mission::getName)
                .containsExactlyInAnyOrder("one", "two");
        assertThat(list(request().setClient(mark).setAssignedTo("ada"))).containsExactly(one);
        assertThat(list(request().setGithubUrl(one.getGithubUrl()))).containsExactly(one);
        assertThat(list(request()
                        .setClient(mark)
                        .setUserId(two.getUserId())
                        .setStatus(MissionStatus.MISSION_STATUS_PENDING)))
                .hasSize(2);
        assertThat(list(request().setClient(mark).setStatus(MissionStatus.MISSION_STATUS_QA)))
                .isEmpty();
        assertThat(list(request().setClient(mark.substring(1)))).isEmpty();
    }

    @Test
    void ordersByDeadlineAndPutsMissionsWithoutOneLast() {
        var client = UUID.randomUUID().toString();
        var none = due(client, null);
        var late = due(client, 2_000_000_000L);
        var soon = due(client, 1_900_000_000L);
        var alsoNone = due(client, null);
        var byDeadline = request().setClient(client).setOrderBy(MissionOrder.MISSION_ORDER_DEADLINE);
        assertThat(list(byDeadline.setPageSize(1))).containsExactly(soon, late, none, alsoNone);
        assertThat(list(byDeadline.setDeadlineBefore(seconds(2_000_000_000L)))).containsExactly(soon);
        assertThat(list(request().setClient(client).setDeadlineBefore(seconds(2_000_000_001L))))
                .containsExactly(soon, late); // newest first
    }

    @Test
    void refusesAPageOfAnotherOrder() {
        var client = UUID.randomUUID().toString();
        due(client, null);
        due(client, null);
        var token = developer
                .missions()
                .listMissions(request().setClient(client).setPageSize(1).build())
                .getNextPageToken();
        StatusAssert.fails(() -> list(request()
                        .setClient(client)
                        .setPageToken(token)
                        .setOrderBy(MissionOrder.MISSION_ORDER_DEADLINE)))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
        StatusAssert.fails(() -> list(request().setDeadlineBefore(seconds(Long.MAX_VALUE))))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("deadline_before");
    }

    /** Whoever pages through a list while others add to it sees what was there at first, once and in order. */
    @ParameterizedTest
    @EnumSource(
            value = MissionOrder.class,
            names = {"MISSION_ORDER_UNSPECIFIED", "MISSION_ORDER_DEADLINE"})
    void showsEveryMissionOnceWhileOthersAreAdded(MissionOrder order) throws Exception {
        var client = UUID.randomUUID().toString();
        var random = new Random(7);
        var atFirst = new ArrayList<String>();
        for (int i = 0; i < 40; i++) {
            atFirst.add(due(client, anyDeadline(random)).getMissionId());
        }
        var over = new AtomicBoolean();
        var writers = IntStream.range(0, 3)
                .mapToObj(number -> Thread.ofVirtual().start(() -> {
                    var own = new Random(number);
                    while (!over.get()) {
                        due(client, anyDeadline(own));
                    }
                }))
                .toList();
        try {
            for (int round = 0; round < 5; round++) {
                var seen = list(request().setClient(client).setOrderBy(order).setPageSize(1 + random.nextInt(7)));
                assertThat(seen).extracting(Mission::getMissionId).doesNotHaveDuplicates();
                assertThat(new HashSet<>(
                                seen.stream().map(Mission::getMissionId).toList()))
                        .containsAll(atFirst);
                if (order == MissionOrder.MISSION_ORDER_DEADLINE) {
                    assertThat(seen).isSortedAccordingTo(BY_DEADLINE);
                }
            }
        } finally {
            over.set(true);
            for (var writer : writers) {
                writer.join();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "client = 'a' AND client <> ''",
                "assigned_to = 'a' AND assigned_to <> ''",
                "github_url = 'a' AND github_url <> ''",
                "status = 'QA'",
                "user_id = '01978c2e-0000-7000-8000-000000000001'",
                "user_id = '01978c2e-0000-7000-8000-000000000001' AND status = 'QA'",
                "true"
            })
    void hasAnIndexForEachFilterAndOrder(String filter) throws SQLException {
        for (var order : List.of(
                "created_at DESC, mission_id DESC",
                "coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id")) {
            assertThat(plan("SELECT mission_id FROM missions WHERE " + filter + " ORDER BY " + order + " LIMIT 51"))
                    .as("%s by %s", filter, order)
                    .contains("Index")
                    .doesNotContain("Sort")
                    .doesNotContain("Filter");
        }
    }

    @Test
    void findsUsersByRoleKindAndStanding() {
        var users = UserServiceGrpc.newBlockingStub(MISSION.admin());
        MISSION.developer();
        MISSION.viewer();
        var services = users.listUsers(ListUsersRequest.newBuilder()
                        .setKind(UserKind.USER_KIND_SERVICE)
                        .build())
                .getUsersList();
        assertThat(services)
                .extracting(User::getUsername)
                .contains("agent-service", "knowledge-service", "mission-service");
        assertThat(users.listUsers(ListUsersRequest.newBuilder()
                                .setKind(UserKind.USER_KIND_HUMAN)
                                .setRole(UserRole.USER_ROLE_VIEWER)
                                .setActive(true)
                                .build())
                        .getUsersList())
                .isNotEmpty()
                .allSatisfy(user -> assertThat(user.getRole()).isEqualTo(UserRole.USER_ROLE_VIEWER));
        assertThat(users.listUsers(
                                ListUsersRequest.newBuilder().setActive(false).build())
                        .getUsersList())
                .isEmpty();
    }

    private Mission due(String client, Long deadline) {
        MISSION.clock().advance(Duration.ofMillis(1));
        var mission = Mission.newBuilder().setName("due").setClient(client);
        if (deadline != null) {
            mission.setDeadline(seconds(deadline));
        }
        return developer.createMission(mission.build());
    }

    private static Long anyDeadline(Random random) {
        return random.nextInt(3) == 0 ? null : (Long) (1_900_000_000L + random.nextInt(20));
    }

    private static Timestamp seconds(long seconds) {
        return Timestamp.newBuilder().setSeconds(seconds).build();
    }

    private static ListMissionsRequest.Builder request() {
        return ListMissionsRequest.newBuilder();
    }

    /** All pages. */
    private List<Mission> list(ListMissionsRequest.Builder request) {
        var missions = new ArrayList<Mission>();
        ListMissionsResponse page;
        do {
            page = developer.missions().listMissions(request.build());
            missions.addAll(page.getMissionsList());
            request.setPageToken(page.getNextPageToken());
        } while (!page.getNextPageToken().isEmpty());
        return missions;
    }

    /** How the database would do it if it were large. */
    private static String plan(String sql) throws SQLException {
        var plan = new StringBuilder();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement()) {
            statement.execute("SET enable_seqscan = off");
            statement.execute("SET enable_bitmapscan = off");
            statement.execute("SET enable_sort = off");
            try (var rows = statement.executeQuery("EXPLAIN " + sql)) {
                while (rows.next()) {
                    plan.append(rows.getString(1)).append('\n');
                }
            }
        }
        return plan.toString();
    }
}
