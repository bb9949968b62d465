package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Tasks;
import dev.sortie.mission.v1.AddTaskDependencyRequest;
import dev.sortie.mission.v1.AddTaskDependencyResponse;
import dev.sortie.mission.v1.ApproveTaskRequest;
import dev.sortie.mission.v1.ApproveTaskResponse;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CancelTaskResponse;
import dev.sortie.mission.v1.CompleteTaskRequest;
import dev.sortie.mission.v1.CompleteTaskResponse;
import dev.sortie.mission.v1.CreateTaskRequest;
import dev.sortie.mission.v1.CreateTaskResponse;
import dev.sortie.mission.v1.DeleteTaskRequest;
import dev.sortie.mission.v1.DeleteTaskResponse;
import dev.sortie.mission.v1.FailTaskRequest;
import dev.sortie.mission.v1.FailTaskResponse;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.GetTaskResponse;
import dev.sortie.mission.v1.ListReadyTasksRequest;
import dev.sortie.mission.v1.ListReadyTasksResponse;
import dev.sortie.mission.v1.ListTaskDependenciesRequest;
import dev.sortie.mission.v1.ListTaskDependenciesResponse;
import dev.sortie.mission.v1.ListTaskMovesRequest;
import dev.sortie.mission.v1.ListTaskMovesResponse;
import dev.sortie.mission.v1.ListTasksRequest;
import dev.sortie.mission.v1.ListTasksResponse;
import dev.sortie.mission.v1.QueueTaskRequest;
import dev.sortie.mission.v1.QueueTaskResponse;
import dev.sortie.mission.v1.RejectTaskRequest;
import dev.sortie.mission.v1.RejectTaskResponse;
import dev.sortie.mission.v1.RemoveTaskDependencyRequest;
import dev.sortie.mission.v1.RemoveTaskDependencyResponse;
import dev.sortie.mission.v1.ReportTaskProgressRequest;
import dev.sortie.mission.v1.ReportTaskProgressResponse;
import dev.sortie.mission.v1.TaskServiceGrpc.TaskServiceImplBase;
import dev.sortie.mission.v1.UpdateTaskRequest;
import dev.sortie.mission.v1.UpdateTaskResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.TaskService}. */
public final class TaskGrpcService extends TaskServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Tasks tasks;

    public TaskGrpcService(Replies replies, PageTokens pages, Tasks tasks) {
        this.replies = replies;
        this.pages = pages;
        this.tasks = tasks;
    }

    @Override
    public void createTask(CreateTaskRequest request, StreamObserver<CreateTaskResponse> observer) {
        replies.write(
                request,
                observer,
                r -> tasks.checkElsewhere(TaskProtos.toDraft(r)),
                tasks::create,
                TaskProtos::toCreateResponse);
    }

    @Override
    public void getTask(GetTaskRequest request, StreamObserver<GetTaskResponse> observer) {
        replies.read(request, observer, r -> uuid(r.getTaskId()), tasks::get, TaskProtos::toGetResponse);
    }

    @Override
    public void listTasks(ListTasksRequest request, StreamObserver<ListTasksResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> tasks.list(queries, TaskProtos.toFilter(request), page),
                TaskProtos::toListResponse);
    }

    @Override
    public void updateTask(UpdateTaskRequest request, StreamObserver<UpdateTaskResponse> observer) {
        replies.write(
                request,
                observer,
                r -> tasks.checkElsewhere(TaskProtos.toEdit(r)),
                tasks::update,
                TaskProtos::toUpdateResponse);
    }

    @Override
    public void deleteTask(DeleteTaskRequest request, StreamObserver<DeleteTaskResponse> observer) {
        replies.write(request, observer, TaskProtos::toRequest, tasks::delete, TaskProtos::toDeleteResponse);
    }

    @Override
    public void queueTask(QueueTaskRequest request, StreamObserver<QueueTaskResponse> observer) {
        replies.write(request, observer, TaskProtos::toRequest, tasks::queue, TaskProtos::toQueueResponse);
    }

    @Override
    public void completeTask(CompleteTaskRequest request, StreamObserver<CompleteTaskResponse> observer) {
        replies.write(request, observer, TaskProtos::toCompletion, tasks::complete, TaskProtos::toCompleteResponse);
    }

    @Override
    public void failTask(FailTaskRequest request, StreamObserver<FailTaskResponse> observer) {
        replies.write(request, observer, TaskProtos::toRequest, tasks::fail, TaskProtos::toFailResponse);
    }

    @Override
    public void cancelTask(CancelTaskRequest request, StreamObserver<CancelTaskResponse> observer) {
        replies.write(request, observer, TaskProtos::toRequest, tasks::cancel, TaskProtos::toCancelResponse);
    }

    @Override
    public void approveTask(ApproveTaskRequest request, StreamObserver<ApproveTaskResponse> observer) {
        replies.write(request, observer, TaskProtos::toRequest, tasks::approve, TaskProtos::toApproveResponse);
    }

    @Override
    public void rejectTask(RejectTaskRequest request, StreamObserver<RejectTaskResponse> observer) {
        replies.write(request, observer, TaskProtos::toRequest, tasks::reject, TaskProtos::toRejectResponse);
    }

    @Override
    public void addTaskDependency(
            AddTaskDependencyRequest request, StreamObserver<AddTaskDependencyResponse> observer) {
        replies.write(request, observer, TaskProtos::toLink, tasks::link, TaskProtos::toAddResponse);
    }

    @Override
    public void removeTaskDependency(
            RemoveTaskDependencyRequest request, StreamObserver<RemoveTaskDependencyResponse> observer) {
        replies.write(request, observer, TaskProtos::toPair, tasks::unlink, TaskProtos::toRemoveResponse);
    }

    @Override
    public void listTaskDependencies(
            ListTaskDependenciesRequest request, StreamObserver<ListTaskDependenciesResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> tasks.listDependencies(queries, TaskProtos.toFilter(request), page),
                TaskProtos::toListDependenciesResponse);
    }

    @Override
    public void listReadyTasks(ListReadyTasksRequest request, StreamObserver<ListReadyTasksResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> tasks.listReady(queries, TaskProtos.toFilter(request), page),
                TaskProtos::toListReadyResponse);
    }

    @Override
    public void reportTaskProgress(
            ReportTaskProgressRequest request, StreamObserver<ReportTaskProgressResponse> observer) {
        replies.write(request, observer, TaskProtos::toReport, tasks::report, TaskProtos::toReportResponse);
    }

    @Override
    public void listTaskMoves(ListTaskMovesRequest request, StreamObserver<ListTaskMovesResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> tasks.moves(queries, uuid(request.getTaskId()), page),
                MoveProtos::toListTaskMovesResponse);
    }
}
