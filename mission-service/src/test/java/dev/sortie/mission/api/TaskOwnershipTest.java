package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Message;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AddTaskDependencyRequest;
import dev.sortie.mission.v1.ApproveTaskRequest;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CompleteTaskRequest;
import dev.sortie.mission.v1.CreateTaskRequest;
import dev.sortie.mission.v1.DeleteProjectRequest;
import dev.sortie.mission.v1.DeleteTaskRequest;
import dev.sortie.mission.v1.FailTaskRequest;
import dev.sortie.mission.v1.Project;
import dev.sortie.mission.v1.ProjectServiceGrpc;
import dev.sortie.mission.v1.QueueTaskRequest;
import dev.sortie.mission.v1.RejectTaskRequest;
import dev.sortie.mission.v1.RemoveTaskDependencyRequest;
import dev.sortie.mission.v1.ReportTaskProgressRequest;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.UndeleteProjectRequest;
import dev.sortie.mission.v1.UpdateProjectRequest;
import dev.sortie.mission.v1.UpdateTaskRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Every RPC that asks for the owner of a project or task. */
class TaskOwnershipTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final OwnedServices SERVICES =
            OwnedServices.of(ProjectServiceGrpc.getServiceDescriptor(), TaskServiceGrpc.getServiceDescriptor());

    private final TaskCalls owner = TaskCalls.of(MISSION.developer());

    @Test
    void coversEveryRpcThatHasTheRule() {
        assertThat(requests().keySet()).isEqualTo(SERVICES.ownersOnly());
    }

    @Test
    void refusesAnotherDeveloperAndChangesNothing() {
        var stranger =
                MISSION.with(MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER).token());
        requests().forEach((name, request) -> {
            var before = owner.get(request.task);
            StatusAssert.fails(() -> SERVICES.call(stranger, name, request.message))
                    .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_NOT_OWNER)
                    .metadata("resource", name.endsWith("Project") ? "project" : "task");
            assertThat(owner.get(request.task)).as(name).isEqualTo(before);
        });
    }

    @Test
    void refusesViewersByTheirRole() {
        requests()
                .forEach((name, request) -> StatusAssert.fails(
                                () -> SERVICES.call(MISSION.viewer(), name, request.message))
                        .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT));
    }

    @Test
    void letsAdministratorsAndServicesThrough() {
        for (var channel : List.of(MISSION.admin(), MISSION.service())) {
            requests().forEach((name, request) -> {
                try {
                    SERVICES.call(channel, name, request.message);
                } catch (StatusRuntimeException refused) {
                    assertThat(refused.getStatus().getCode())
                            .as("%s: %s", name, refused.getMessage())
                            .isIn(Code.FAILED_PRECONDITION, Code.NOT_FOUND); // the move, not the caller
                }
            });
        }
    }

    private record Request(String task, Message message) {}

    /** A request for each RPC, each about a project or task of its own. */
    private Map<String, Request> requests() {
        var requests = new TreeMap<String, Request>();
        for (var name : List.of(
                "UpdateProject",
                "DeleteProject",
                "UndeleteProject",
                "CreateTask",
                "UpdateTask",
                "DeleteTask",
                "QueueTask",
                "CompleteTask",
                "FailTask",
                "CancelTask",
                "ApproveTask",
                "RejectTask",
                "AddTaskDependency",
                "RemoveTaskDependency",
                "ReportTaskProgress")) {
            var project = owner.createProject("Owned").getProjectId();
            var task = owner.create("Owned").getTaskId();
            var other = owner.create("Other").getTaskId();
            requests.put(name, new Request(task, request(name, project, task, other)));
        }
        return requests;
    }

    private static Message request(String name, String project, String task, String other) {
        return switch (name) {
            case "UpdateProject" ->
                UpdateProjectRequest.newBuilder()
                        .setProject(Project.newBuilder().setProjectId(project).setName("taken"))
                        .build();
            case "DeleteProject" ->
                DeleteProjectRequest.newBuilder().setProjectId(project).build();
            case "UndeleteProject" ->
                UndeleteProjectRequest.newBuilder().setProjectId(project).build();
            case "CreateTask" ->
                CreateTaskRequest.newBuilder()
                        .setTask(TaskCalls.task("smuggled").setParentTaskId(task))
                        .build();
            case "UpdateTask" ->
                UpdateTaskRequest.newBuilder()
                        .setTask(Task.newBuilder().setTaskId(task).setTitle("taken"))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("title"))
                        .build();
            case "DeleteTask" -> DeleteTaskRequest.newBuilder().setTaskId(task).build();
            case "QueueTask" -> QueueTaskRequest.newBuilder().setTaskId(task).build();
            case "CompleteTask" ->
                CompleteTaskRequest.newBuilder().setTaskId(task).build();
            case "FailTask" ->
                FailTaskRequest.newBuilder().setTaskId(task).setReason("no").build();
            case "CancelTask" -> CancelTaskRequest.newBuilder().setTaskId(task).build();
            case "ApproveTask" ->
                ApproveTaskRequest.newBuilder().setTaskId(task).build();
            case "RejectTask" ->
                RejectTaskRequest.newBuilder().setTaskId(task).setReason("no").build();
            case "AddTaskDependency" ->
                AddTaskDependencyRequest.newBuilder()
                        .setTaskId(task)
                        .setDependsOnTaskId(other)
                        .build();
            case "RemoveTaskDependency" ->
                RemoveTaskDependencyRequest.newBuilder()
                        .setTaskId(task)
                        .setDependsOnTaskId(other)
                        .build();
            case "ReportTaskProgress" ->
                ReportTaskProgressRequest.newBuilder()
                        .setTaskId(task)
                        .setProgressPercentage(1)
                        .build();
            default -> throw new IllegalArgumentException(name);
        };
    }
}
