package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;

import dev.sortie.agent.domain.Worker;
import dev.sortie.agent.domain.WorkerStatus;
import dev.sortie.agent.domain.WorkerType;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.type.v1.TaskType;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Workers as messages. */
final class WorkerProtos {
    private static final Duration DEFAULT_LEASE = Duration.ofSeconds(30);

    private WorkerProtos() {}

    static Worker.Draft toDraft(RegisterWorkerRequest request) {
        var worker = request.getWorker();
        return new Worker.Draft(
                worker.getName(),
                toType(worker.getWorkerType()),
                worker.getSoftwareVersion(),
                Math.max(1, worker.getMaxConcurrentTasks()),
                worker.hasLeaseDuration() ? duration(worker.getLeaseDuration()) : DEFAULT_LEASE,
                worker.getContextWindowSize(),
                json(worker.getConfig(), "worker.config"));
    }

    static dev.sortie.agent.v1.Worker toMessage(Worker worker) {
        return dev.sortie.agent.v1.Worker.newBuilder()
                .setWorkerId(worker.id().toString())
                .setName(worker.name())
                .setWorkerType(toMessage(worker.type()))
                .setStatus(toMessage(worker.status()))
                .setSoftwareVersion(worker.softwareVersion())
                .setMaxConcurrentTasks(worker.maxConcurrentTasks())
                .setLeaseDuration(duration(worker.leaseDuration()))
                .setContextWindowSize(worker.contextWindowSize())
                .setConfig(struct(worker.config()))
                .setLastHeartbeatTime(timestamp(worker.lastHeartbeatAt()))
                .setCreateTime(timestamp(worker.createdAt()))
                .setUpdateTime(timestamp(worker.updatedAt()))
                .setEtag(Long.toString(worker.version()))
                .build();
    }

    static WorkerType toType(TaskType type) {
        return switch (type) {
            case TASK_TYPE_FEATURE -> WorkerType.FEATURE;
            case TASK_TYPE_BUGFIX -> WorkerType.BUGFIX;
            case TASK_TYPE_TEST -> WorkerType.TEST;
            case TASK_TYPE_DOCS -> WorkerType.DOCS;
            case TASK_TYPE_REFACTOR -> WorkerType.REFACTOR;
            case TASK_TYPE_REVIEW -> WorkerType.REVIEW;
            case TASK_TYPE_UNSPECIFIED, UNRECOGNIZED ->
                throw new IllegalArgumentException("worker_type: " + type + " (expected: a known type)");
        };
    }

    static TaskType toMessage(WorkerType type) {
        return switch (type) {
            case FEATURE -> TaskType.TASK_TYPE_FEATURE;
            case BUGFIX -> TaskType.TASK_TYPE_BUGFIX;
            case TEST -> TaskType.TASK_TYPE_TEST;
            case DOCS -> TaskType.TASK_TYPE_DOCS;
            case REFACTOR -> TaskType.TASK_TYPE_REFACTOR;
            case REVIEW -> TaskType.TASK_TYPE_REVIEW;
        };
    }

    static @Nullable WorkerStatus toStatus(dev.sortie.agent.v1.WorkerStatus status) {
        return switch (status) {
            case WORKER_STATUS_IDLE -> WorkerStatus.IDLE;
            case WORKER_STATUS_BUSY -> WorkerStatus.BUSY;
            case WORKER_STATUS_OFFLINE -> WorkerStatus.OFFLINE;
            case WORKER_STATUS_UNSPECIFIED, UNRECOGNIZED -> null;
        };
    }

    static dev.sortie.agent.v1.WorkerStatus toMessage(WorkerStatus status) {
        return switch (status) {
            case IDLE -> dev.sortie.agent.v1.WorkerStatus.WORKER_STATUS_IDLE;
            case BUSY -> dev.sortie.agent.v1.WorkerStatus.WORKER_STATUS_BUSY;
            case OFFLINE -> dev.sortie.agent.v1.WorkerStatus.WORKER_STATUS_OFFLINE;
        };
    }
}
