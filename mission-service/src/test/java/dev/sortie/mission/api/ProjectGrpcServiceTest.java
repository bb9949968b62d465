package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.CreateProjectRequest;
import dev.sortie.mission.v1.DeleteProjectRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.GetProjectRequest;
import dev.sortie.mission.v1.ListProjectMovesRequest;
import dev.sortie.mission.v1.ListProjectsRequest;
import dev.sortie.mission.v1.Move;
import dev.sortie.mission.v1.Project;
import dev.sortie.mission.v1.ProjectServiceGrpc.ProjectServiceBlockingStub;
import dev.sortie.mission.v1.ProjectStatus;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.mission.v1.UndeleteProjectRequest;
import dev.sortie.mission.v1.UpdateProjectRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class ProjectGrpcServiceTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final TaskCalls developer = TaskCalls.of(MISSION.developer());
    private final ProjectServiceBlockingStub projects = developer.projects();
    private final String owner = MISSION.person(UserRole.USER_ROLE_DEVELOPER).id();

    @Test
    void createsAnActiveProjectOfTheCaller() {
        var made = create(Project.newBuilder()
                .setName("Billing")
                .setDescription("Who owes what")
                .setMetadata(metadata("team", "red")));
        assertThat(made.getStatus()).isEqualTo(ProjectStatus.PROJECT_STATUS_ACTIVE);
        assertThat(made.getCreatedBy()).isEqualTo(owner);
        assertThat(made.getDescription()).isEqualTo("Who owes what");
        assertThat(made.getMetadata()).isEqualTo(metadata("team", "red"));
        assertThat(made.hasDeleteTime() || made.hasPurgeTime()).isFalse();
        assertThat(get(made)).isEqualTo(made);
    }

    @Test
    void createsOneProjectForOneRequestId() throws Exception {
        var request = CreateProjectRequest.newBuilder()
                .setProject(Project.newBuilder().setName("Once"))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(20, number -> projects.createProject(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream()
                        .map(one -> one.answer().getProject().getProjectId())
                        .distinct())
                .hasSize(1);
        assertThat(outcomes.stream().filter(one -> !one.answer().getReplayed())).hasSize(1);
    }

    @Test
    void refusesProjectsWithoutANameAndThoseThatBeginAtTheirEnd() {
        StatusAssert.fails(() -> create(Project.newBuilder()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("project.name");
        StatusAssert.fails(() -> create(Project.newBuilder()
                        .setName("Done before it began")
                        .setStatus(ProjectStatus.PROJECT_STATUS_COMPLETED)))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED);
        StatusAssert.fails(() -> projects.getProject(GetProjectRequest.newBuilder()
                        .setProjectId(UUID.randomUUID().toString())
                        .build()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "project");
    }

    @Test
    void changesTheStatusOnlyAsTheContractSays() {
        var project = developer.createProject("Moved");
        project = move(project, ProjectStatus.PROJECT_STATUS_COMPLETED);
        project = move(project, ProjectStatus.PROJECT_STATUS_ACTIVE);
        project = move(project, ProjectStatus.PROJECT_STATUS_COMPLETED);
        project = move(project, ProjectStatus.PROJECT_STATUS_ARCHIVED);
        var archived = project;
        StatusAssert.fails(() -> move(archived, ProjectStatus.PROJECT_STATUS_COMPLETED))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("state", "ARCHIVED")
                .metadata("allowed_moves", "ACTIVE");
        StatusAssert.fails(() -> update(archived.toBuilder().clearStatus().build(), "status"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("project.status");
        project = move(project, ProjectStatus.PROJECT_STATUS_ACTIVE);
        assertThat(projects.listProjectMoves(ListProjectMovesRequest.newBuilder()
                                .setProjectId(project.getProjectId())
                                .build())
                        .getMovesList())
                .extracting(Move::getToStatus)
                .containsExactly("ACTIVE", "ARCHIVED", "COMPLETED", "ACTIVE", "COMPLETED", "ACTIVE");
    }

    @Test
    void changesFieldsUnderTheEtagOnly() throws Exception {
        var project = developer.createProject("Before");
        var changed = update(project.toBuilder().setName("After").build(), "name");
        assertThat(changed.getName()).isEqualTo("After");
        assertThat(changed.getEtag()).isNotEqualTo(project.getEtag());
        StatusAssert.fails(() -> update(project, "name"))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        StatusAssert.fails(() -> update(changed, "created_by"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        var outcomes = Together.call(
                30,
                number -> update(changed.toBuilder().setName("Winner " + number).build(), "name"));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
    }

    @Test
    void listsProjectsNewestFirstByStatusUserAndMetadata() {
        var somebody = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var theirs = TaskCalls.of(MISSION.with(somebody.token()));
        var made = new ArrayList<Project>();
        for (int i = 0; i < 5; i++) {
            MISSION.clock().advance(Duration.ofMillis(1));
            made.addFirst(theirs.projects()
                    .createProject(CreateProjectRequest.newBuilder()
                            .setProject(Project.newBuilder()
                                    .setName("project " + i)
                                    .setMetadata(metadata("parity", i % 2 == 0 ? "even" : "odd")))
                            .build())
                    .getProject());
        }
        var all = ListProjectsRequest.newBuilder().setCreatedBy(somebody.id()).setPageSize(2);
        assertThat(list(all)).isEqualTo(made);
        assertThat(list(all.setMetadata(metadata("parity", "odd")))).containsExactly(made.get(1), made.get(3));
        var completed = theirs.projects()
                .updateProject(UpdateProjectRequest.newBuilder()
                        .setProject(made.get(3).toBuilder().setStatus(ProjectStatus.PROJECT_STATUS_COMPLETED))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("status"))
                        .build())
                .getProject();
        assertThat(list(all.setStatus(ProjectStatus.PROJECT_STATUS_COMPLETED))).containsExactly(completed);
        StatusAssert.fails(() -> projects.listProjects(
                        ListProjectsRequest.newBuilder().setPageToken("made up").build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void hidesPlansAndTasksWithTheProjectAndBringsThemBack() {
        var project = developer.createProject("Hidden for a while");
        var task = developer.create(TaskCalls.task("In it").setPlanId(plan(project, "DRAFT")));
        var deleted = delete(project, false);
        assertThat(deleted.getPurgeTime().getSeconds() - deleted.getDeleteTime().getSeconds())
                .isEqualTo(Duration.ofDays(30).toSeconds());
        StatusAssert.fails(() -> get(project))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.get(task))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> developer.complete(task.getTaskId()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> delete(project, false))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        assertThat(projects.getProject(GetProjectRequest.newBuilder()
                                .setProjectId(project.getProjectId())
                                .setShowDeleted(true)
                                .build())
                        .getProject())
                .isEqualTo(deleted);
        var back = undelete(project);
        assertThat(back.hasDeleteTime()).isFalse();
        assertThat(undelete(project)).isEqualTo(back);
        assertThat(developer.get(task)).isEqualTo(task);
    }

    @Test
    void takesDispatchedTasksBackWhenTheProjectIsHidden() throws SQLException {
        var project = developer.createProject("Interrupted");
        var plan = plan(project, "DRAFT");
        var task = developer.create(TaskCalls.task("At work").setPlanId(plan));
        MISSION.database().execute("UPDATE plans SET status = 'ACTIVE' WHERE plan_id = '" + plan + "'");
        assertThat(developer.queue(task.getTaskId()).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_QUEUED);
        MISSION.database().execute("UPDATE plans SET status = 'PAUSED' WHERE plan_id = '" + plan + "'");
        delete(project, false);
        undelete(project);
        var back = developer.get(task);
        assertThat(back.getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
        assertThat(back.getAttempt()).isEqualTo(1);
        assertThat(back.getStatusReason()).contains("project was deleted");
    }

    @Test
    void purgesAfterThirtyDaysOrByForceAndReleasesWhatWasBlocked() throws SQLException {
        for (boolean force : List.of(true, false)) {
            var project = developer.createProject("Gone");
            var blocker = developer.create(TaskCalls.task("In it").setPlanId(plan(project, "DRAFT")));
            var outside = developer.create("Outside");
            developer.block(outside, blocker);
            delete(project, force);
            if (!force) {
                assertThat(developer.get(outside).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_BLOCKED);
                MISSION.clock().advance(Duration.ofDays(31));
                MISSION.purgeProjects();
            }
            assertThat(developer.get(outside).getStatus()).isEqualTo(TaskStatus.TASK_STATUS_PENDING);
            StatusAssert.fails(() -> undelete(project))
                    .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
            assertThat(count("projects WHERE project_id = '%s'".formatted(project.getProjectId())))
                    .isZero();
            assertThat(count("plans WHERE project_id = '%s'".formatted(project.getProjectId())))
                    .isZero();
            assertThat(count("tasks WHERE task_id = '%s'".formatted(blocker.getTaskId())))
                    .isZero();
            assertThat(count("change_log WHERE kind = 'DELETED' AND resource_id IN ('%s', '%s')"
                            .formatted(project.getProjectId(), blocker.getTaskId())))
                    .isEqualTo(2);
        }
    }

    @Test
    void letsNobodyButTheOwnerAndAdministratorsChangeIt() {
        var project = developer.createProject("Owned");
        var stranger = TaskCalls.of(
                MISSION.with(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER).token()));
        StatusAssert.fails(() -> stranger.projects()
                        .deleteProject(DeleteProjectRequest.newBuilder()
                                .setProjectId(project.getProjectId())
                                .build()))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "project");
        assertThat(get(project)).isEqualTo(project);
        assertThat(TaskCalls.of(MISSION.admin())
                        .projects()
                        .deleteProject(DeleteProjectRequest.newBuilder()
                                .setProjectId(project.getProjectId())
                                .build())
                        .getProject()
                        .hasDeleteTime())
                .isTrue();
    }

    private String plan(Project project, String status) {
        return TaskCalls.insertPlan(MISSION, project.getProjectId(), status, owner);
    }

    private Project create(Project.Builder project) {
        return projects.createProject(
                        CreateProjectRequest.newBuilder().setProject(project).build())
                .getProject();
    }

    private Project get(Project project) {
        return projects.getProject(GetProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .build())
                .getProject();
    }

    private Project move(Project project, ProjectStatus status) {
        var moved = update(project.toBuilder().setStatus(status).build(), "status");
        assertThat(moved.getStatus()).isEqualTo(status);
        return moved;
    }

    private Project update(Project project, String path) {
        return projects.updateProject(UpdateProjectRequest.newBuilder()
                        .setProject(project)
                        .setUpdateMask(FieldMask.newBuilder().addPaths(path))
                        .build())
                .getProject();
    }

    private Project delete(Project project, boolean force) {
        return projects.deleteProject(DeleteProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .setForce(force)
                        .build())
                .getProject();
    }

    private Project undelete(Project project) {
        return projects.undeleteProject(UndeleteProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .build())
                .getProject();
    }

    private List<Project> list(ListProjectsRequest.Builder request) {
        var all = new ArrayList<Project>();
        request.clearPageToken();
        do {
            var page = projects.listProjects(request.build());
            all.addAll(page.getProjectsList());
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return all;
    }

    private static long count(String what) throws SQLException {
        try (var connection = MISSION.database().connectAsOwner();
                var rows = connection.createStatement().executeQuery("SELECT count(*) FROM " + what)) {
            rows.next();
            return rows.getLong(1);
        }
    }

    private static Struct metadata(String key, String value) {
        return Struct.newBuilder()
                .putFields(key, Value.newBuilder().setStringValue(value).build())
                .build();
    }
}
