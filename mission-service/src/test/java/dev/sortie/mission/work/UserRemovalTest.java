package dev.sortie.mission.work;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.CreateDodItemRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.DodCategory;
import dev.sortie.mission.v1.DodItem;
import dev.sortie.mission.v1.DodItemServiceGrpc;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.StartHopRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What goes with a user who is deleted, and what stays. */
class UserRemovalTest {
    @AutoClose
    private static final StepFixture FIXTURE = StepFixture.start();

    @Test
    void takesMissionsAndTokensAlongAndCancelsTheWork() throws SQLException {
        var developer = FIXTURE.service().person(UserRole.USER_ROLE_DEVELOPER);
        var bystander = FIXTURE.service().newPerson(UserRole.USER_ROLE_DEVELOPER);
        var mission = FIXTURE.mission();
        var hop = FIXTURE.hop(mission);
        FIXTURE.hops()
                .startHop(StartHopRequest.newBuilder().setHopId(hop.getHopId()).build());
        var asset = FIXTURE.asset(hop);
        var running = FIXTURE.step(hop, FIXTURE.tool());
        var hidden = FIXTURE.mission();
        FIXTURE.missions()
                .deleteMission(DeleteMissionRequest.newBuilder()
                        .setMissionId(hidden.getMissionId())
                        .build());
        FIXTURE.execute(running);
        FIXTURE.awaitOrder(running);

        var users = UserServiceGrpc.newBlockingStub(FIXTURE.service().admin());
        var request = DeleteUserRequest.newBuilder()
                .setUserId(developer.id())
                .setRequestId(UUID.randomUUID().toString())
                .build();
        assertThat(users.deleteUser(request).getUser()).isEqualTo(developer.user());
        assertThat(users.deleteUser(request).getReplayed()).isTrue();

        Eventually.see(
                () -> FIXTURE.agent().ordersOf(running.getToolStepId()),
                orders -> orders.size() == 1
                        && orders.getFirst().getStatus() == WorkOrderStatus.WORK_ORDER_STATUS_CANCELLED);
        assertThat(strings("SELECT resource_type || ' ' || resource_id FROM change_log WHERE kind = 'DELETED'"))
                .contains(
                        "user " + developer.id(),
                        "mission " + mission.getMissionId(),
                        "mission " + hidden.getMissionId(),
                        "hop " + hop.getHopId(),
                        "tool_step " + running.getToolStepId(),
                        "asset " + asset.getAssetId())
                .anyMatch(deleted -> deleted.startsWith("api_token "));
        for (var table : List.of("users", "missions", "assets", "api_tokens")) {
            assertThat(strings("SELECT user_id FROM " + table + " WHERE user_id = '" + developer.id() + "'"))
                    .as(table)
                    .isEmpty();
        }
        StatusAssert.fails(() -> FIXTURE.now(mission))
                .with(Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
        assertThat(strings("SELECT user_id FROM api_tokens WHERE user_id = '" + bystander.id() + "'"))
                .hasSize(1);
    }

    @Test
    void forgetsWhoCompletedAnItemAndTellsOfIt() throws SQLException {
        var leaver = FIXTURE.service().newPerson(UserRole.USER_ROLE_ADMIN);
        var mission = Mission.newBuilder()
                .setName("stays")
                .setUserId(FIXTURE.service()
                        .newPerson(UserRole.USER_ROLE_DEVELOPER)
                        .id());
        var admin = FIXTURE.service().admin();
        var created = MissionServiceGrpc.newBlockingStub(admin)
                .createMission(
                        CreateMissionRequest.newBuilder().setMission(mission).build())
                .getMission();
        var items = DodItemServiceGrpc.newBlockingStub(FIXTURE.service().with(leaver.token()));
        var item = items.createDodItem(CreateDodItemRequest.newBuilder()
                        .setDodItem(DodItem.newBuilder()
                                .setMissionId(created.getMissionId())
                                .setText("it holds")
                                .setCategory(DodCategory.DOD_CATEGORY_TESTS))
                        .build())
                .getDodItem();
        var complete = items.completeDodItem(CompleteDodItemRequest.newBuilder()
                        .setDodItemId(item.getDodItemId())
                        .build())
                .getDodItem();
        assertThat(complete.getCompletedBy()).isEqualTo(leaver.id());

        UserServiceGrpc.newBlockingStub(admin)
                .deleteUser(
                        DeleteUserRequest.newBuilder().setUserId(leaver.id()).build());

        var left = DodItemServiceGrpc.newBlockingStub(admin)
                .listDodItems(ListDodItemsRequest.newBuilder()
                        .setMissionId(created.getMissionId())
                        .build())
                .getDodItems(0);
        assertThat(left.getCompleted()).isTrue();
        assertThat(left.getCompletedBy()).isEmpty();
        assertThat(left.getEtag()).isNotEqualTo(complete.getEtag());
        assertThat(strings("SELECT kind || ' ' || version FROM change_log WHERE resource_id = '" + item.getDodItemId()
                        + "' ORDER BY xid, seq"))
                .containsExactly("CREATED 1", "UPDATED 2", "UPDATED 3");
    }

    private static List<String> strings(String sql) throws SQLException {
        var strings = new ArrayList<String>();
        try (var connection = FIXTURE.service().database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
        }
        return strings;
    }
}
