package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.v1.CreatePlanRequest;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.GetPlanRequest;
import dev.sortie.mission.v1.GetProjectRequest;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.Plan;
import dev.sortie.mission.v1.PlanServiceGrpc;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What becomes of projects and tasks when a user is deleted who made them, or to whom they are assigned. */
class TaskUserRemovalTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final TaskCalls admin = TaskCalls.of(MISSION.admin());

    @Test
    void keepsProjectsAndTasksAsNobodysAndTellsOfIt() throws SQLException {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var theirs = TaskCalls.of(MISSION.with(person.token()));
        var project = theirs.createProject("Orphaned");
        var plan = PlanServiceGrpc.newBlockingStub(MISSION.with(person.token()))
                .createPlan(CreatePlanRequest.newBuilder()
                        .setPlan(Plan.newBuilder()
                                .setProjectId(project.getProjectId())
                                .setTitle("Orphaned")
                                .setAssignedTo(person.id()))
                        .build())
                .getPlan();
        var made = theirs.create("Made by somebody");
        var assigned = admin.create(TaskCalls.task("Assigned")
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED)
                .setAssignedUserId(person.id()));
        assertThat(assigned.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_ASSIGNED);
        var begun = admin.create(TaskCalls.task("Begun")
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED)
                .setAssignedUserId(person.id()));
        admin.report(begun.getTaskId(), 10);
        delete(person.id());
        var orphan = admin.projects()
                .getProject(GetProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .build())
                .getProject();
        assertThat(orphan.getCreatedBy()).isEmpty();
        assertThat(orphan.getEtag()).isEqualTo("2");
        assertThat(admin.get(made).getCreatedBy()).isEmpty();
        assertThat(admin.get(assigned).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        assertThat(admin.get(assigned).getAssignedUserId()).isEmpty();
        assertThat(admin.get(begun).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_IN_PROGRESS);
        assertThat(admin.get(begun).getAssignedUserId()).isEmpty();
        var left = PlanServiceGrpc.newBlockingStub(MISSION.admin())
                .getPlan(GetPlanRequest.newBuilder().setPlanId(plan.getPlanId()).build())
                .getPlan();
        assertThat(left.getCreatedBy() + left.getAssignedTo()).isEmpty();
        for (var id : List.of(project.getProjectId(), plan.getPlanId(), made.getTaskId(), assigned.getTaskId())) {
            assertThat(changes(id)).as(id).containsExactly("CREATED 1", "UPDATED 2");
        }
        MoveChains.assertWhole(MISSION.database());
    }

    @Test
    void leavesWhatIsNobodysToAdministrators() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var task = TaskCalls.of(MISSION.with(person.token())).create("Nobody's");
        delete(person.id());
        StatusAssert.fails(() -> TaskCalls.of(MISSION.developer()).complete(task.getTaskId()))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_NOT_OWNER);
        assertThat(admin.complete(task.getTaskId()).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_COMPLETED);
    }

    @Test
    void letsManyAssignTasksToAUserWhoIsBeingDeleted() throws Exception {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var outcomes = Together.call(40, number -> {
            if (number == 20) {
                delete(person.id());
                return null;
            }
            return admin.create(TaskCalls.task("For somebody " + number)
                    .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED)
                    .setAssignedUserId(person.id()));
        });
        for (int i = 0; i < outcomes.size(); i++) {
            var outcome = outcomes.get(i);
            if (!outcome.succeeded()) {
                assertThat(i).isNotEqualTo(20);
                StatusAssert.fails(() -> {
                            throw outcome.failure();
                        })
                        .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                        .metadata("field", "task.assigned_user_id");
            } else if (i != 20) {
                assertThat(admin.get(outcome.answer()).getAssignedUserId()).isEmpty();
            }
        }
    }

    private static void delete(String userId) {
        var deleted = UserServiceGrpc.newBlockingStub(MISSION.admin())
                .deleteUser(DeleteUserRequest.newBuilder().setUserId(userId).build());
        assertThat(deleted.getUser().getUserId()).isEqualTo(userId);
    }

    private static List<String> changes(String id) throws SQLException {
        var changes = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
                var rows = connection
                        .createStatement()
                        .executeQuery("SELECT kind || ' ' || version FROM change_log WHERE resource_id = '" + id
                                + "' ORDER BY xid, seq")) {
            while (rows.next()) {
                changes.add(rows.getString(1));
            }
        }
        return changes;
    }
}
