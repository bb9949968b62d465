package dev.sortie.mission.api;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AddTaskDependencyRequest;
import dev.sortie.mission.v1.AddTaskDependencyResponse;
import dev.sortie.mission.v1.ApproveTaskRequest;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CompleteTaskRequest;
import dev.sortie.mission.v1.CreateProjectRequest;
import dev.sortie.mission.v1.CreateTaskRequest;
import dev.sortie.mission.v1.DeleteTaskRequest;
import dev.sortie.mission.v1.DependencyType;
import dev.sortie.mission.v1.FailTaskRequest;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.ListTasksRequest;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.Project;
import dev.sortie.mission.v1.ProjectServiceGrpc;
import dev.sortie.mission.v1.ProjectServiceGrpc.ProjectServiceBlockingStub;
import dev.sortie.mission.v1.QueueTaskRequest;
import dev.sortie.mission.v1.RejectTaskRequest;
import dev.sortie.mission.v1.RemoveTaskDependencyRequest;
import dev.sortie.mission.v1.ReportTaskProgressRequest;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.TaskServiceGrpc.TaskServiceBlockingStub;
import dev.sortie.mission.v1.UpdateTaskRequest;
import dev.sortie.type.v1.TaskType;
import io.grpc.Channel;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** The calls of one caller about projects and tasks that tests make again and again. */
record TaskCalls(ProjectServiceBlockingStub projects, TaskServiceBlockingStub tasks) {

    static TaskCalls of(Channel channel) {
        return new TaskCalls(ProjectServiceGrpc.newBlockingStub(channel), TaskServiceGrpc.newBlockingStub(channel));
    }

    Project createProject(String name) {
        return projects.createProject(CreateProjectRequest.newBuilder()
                        .setProject(Project.newBuilder().setName(name))
                        .build())
                .getProject();
    }

    /** A plan, straight into the database. */
    static String insertPlan(MissionFixture mission, String projectId, String status, String owner) {
        var planId = UUID.randomUUID().toString();
        mission.database().execute("""
                INSERT INTO plans (plan_id, project_id, title, status, created_by, created_at, updated_at)
                VALUES ('%s', '%s', 'A plan', '%s', '%s', now(), now())
                """.formatted(planId, projectId, status, owner));
        return planId;
    }

    /** A task with what it must have. */
    static Task.Builder task(String title) {
        return Task.newBuilder()
                .setTitle(title)
                .setTaskType(TaskType.TASK_TYPE_FEATURE)
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_AUTONOMOUS);
    }

    Task create(String title) {
        return create(task(title));
    }

    Task create(Task.Builder task) {
        return tasks.createTask(CreateTaskRequest.newBuilder().setTask(task).build())
                .getTask();
    }

    Task get(Task task) {
        return get(task.getTaskId());
    }

    Task get(String taskId) {
        return tasks.getTask(GetTaskRequest.newBuilder().setTaskId(taskId).build())
                .getTask();
    }

    Task update(Task task, String... paths) {
        return tasks.updateTask(UpdateTaskRequest.newBuilder()
                        .setTask(task)
                        .setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)))
                        .build())
                .getTask();
    }

    Task queue(String taskId) {
        return tasks.queueTask(QueueTaskRequest.newBuilder().setTaskId(taskId).build())
                .getTask();
    }

    Task report(String taskId, double percentage) {
        return tasks.reportTaskProgress(ReportTaskProgressRequest.newBuilder()
                        .setTaskId(taskId)
                        .setProgressPercentage(percentage)
                        .build())
                .getTask();
    }

    Task complete(String taskId) {
        return tasks.completeTask(
                        CompleteTaskRequest.newBuilder().setTaskId(taskId).build())
                .getTask();
    }

    Task fail(String taskId, String reason) {
        return tasks.failTask(FailTaskRequest.newBuilder()
                        .setTaskId(taskId)
                        .setReason(reason)
                        .build())
                .getTask();
    }

    Task cancel(String taskId) {
        return tasks.cancelTask(CancelTaskRequest.newBuilder().setTaskId(taskId).build())
                .getTask();
    }

    Task approve(String taskId) {
        return tasks.approveTask(
                        ApproveTaskRequest.newBuilder().setTaskId(taskId).build())
                .getTask();
    }

    Task reject(String taskId, String reason) {
        return tasks.rejectTask(RejectTaskRequest.newBuilder()
                        .setTaskId(taskId)
                        .setReason(reason)
                        .build())
                .getTask();
    }

    Task delete(String taskId) {
        return tasks.deleteTask(DeleteTaskRequest.newBuilder().setTaskId(taskId).build())
                .getTask();
    }

    /** Makes one task wait for another. */
    AddTaskDependencyResponse block(Task task, Task blocker) {
        return link(task, blocker, DependencyType.DEPENDENCY_TYPE_BLOCKS);
    }

    AddTaskDependencyResponse link(Task task, Task other, DependencyType type) {
        return tasks.addTaskDependency(AddTaskDependencyRequest.newBuilder()
                .setTaskId(task.getTaskId())
                .setDependsOnTaskId(other.getTaskId())
                .setDependencyType(type)
                .build());
    }

    Task unblock(Task task, Task blocker) {
        return tasks.removeTaskDependency(RemoveTaskDependencyRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .setDependsOnTaskId(blocker.getTaskId())
                        .build())
                .getTask();
    }

    /** All pages of a list. */
    List<Task> list(ListTasksRequest.Builder request) {
        var all = new ArrayList<Task>();
        do {
            var page = tasks.listTasks(request.build());
            all.addAll(page.getTasksList());
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        return all;
    }
}
