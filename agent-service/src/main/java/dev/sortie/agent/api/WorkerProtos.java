package dev.sortie.agent.api;

import static dev.sortie.runtime.grpc.Messages.duration;
import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.agent.domain.Capability;
import dev.sortie.agent.domain.CapabilityLevel;
import dev.sortie.agent.domain.Worker;
import dev.sortie.agent.domain.WorkerStatus;
import dev.sortie.agent.domain.WorkerType;
import dev.sortie.agent.domain.Workers;
import dev.sortie.agent.v1.ListWorkersRequest;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.UpdateWorkerRequest;
import dev.sortie.agent.v1.WorkerCapability;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.TaskType;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
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
                most(worker),
                lease(worker),
                worker.getContextWindowSize(),
                json(worker.getConfig(), "worker.config"),
                nullableUuid(worker.getAgentId()));
    }

    static Workers.Edit toEdit(UpdateWorkerRequest request) {
        var worker = request.getWorker();
        var paths = FieldMasks.resolve(request.getUpdateMask(), worker);
        if (worker.getWorkerId().isEmpty()) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID, "worker.worker_id", "value is required")
                    .with("field_count", 1)
                    .exception();
        }
        return new Workers.Edit(
                uuid(worker.getWorkerId()), worker.getEtag(), present -> edited(present, paths, worker));
    }

    private static Worker.Draft edited(Worker.Draft present, Set<String> paths, dev.sortie.agent.v1.Worker worker) {
        return new Worker.Draft(
                paths.contains("name") ? worker.getName() : present.name(),
                paths.contains("worker_type") ? toType(worker.getWorkerType()) : present.type(),
                paths.contains("software_version") ? worker.getSoftwareVersion() : present.softwareVersion(),
                paths.contains("max_concurrent_tasks") ? most(worker) : present.maxConcurrentTasks(),
                paths.contains("lease_duration") ? lease(worker) : present.leaseDuration(),
                paths.contains("context_window_size") ? worker.getContextWindowSize() : present.contextWindowSize(),
                paths.contains("config") && !worker.getConfig().equals(struct(present.config()))
                        ? json(worker.getConfig(), "worker.config")
                        : present.config(),
                present.agentId());
    }

    private static int most(dev.sortie.agent.v1.Worker worker) {
        return Math.max(1, worker.getMaxConcurrentTasks());
    }

    private static Duration lease(dev.sortie.agent.v1.Worker worker) {
        return worker.hasLeaseDuration() ? duration(worker.getLeaseDuration()) : DEFAULT_LEASE;
    }

    static Workers.ListRequest toList(ListWorkersRequest request, @Nullable UUID before, int limit) {
        return new Workers.ListRequest(
                toStatus(request.getStatus()),
                request.getWorkerType() == TaskType.TASK_TYPE_UNSPECIFIED ? null : toType(request.getWorkerType()),
                request.getSoftwareVersion().isEmpty() ? null : request.getSoftwareVersion(),
                request.hasDraining() ? request.getDraining() : null,
                nullableUuid(request.getAgentId()),
                before,
                limit);
    }

    static Workers.Skills toSkills(SetWorkerCapabilitiesRequest request) {
        var capabilities = new TreeMap<String, Capability>();
        for (int i = 0; i < request.getCapabilitiesCount(); i++) {
            var capability = request.getCapabilities(i);
            var before = capabilities.put(
                    capability.getName(),
                    new Capability(
                            capability.getName(),
                            toLevel(capability.getLevel()),
                            json(capability.getMetadata(), "capabilities[" + i + "].metadata")));
            if (before != null) {
                throw Failure.invalidArgument(
                                ErrorReason.ERROR_REASON_FIELD_INVALID,
                                "capabilities[" + i + "].name",
                                "is there twice (expected: each name once)")
                        .exception();
            }
        }
        return new Workers.Skills(uuid(request.getWorkerId()), List.copyOf(capabilities.values()));
    }

    static CapabilityLevel toLevel(dev.sortie.agent.v1.CapabilityLevel level) {
        return switch (level) {
            case CAPABILITY_LEVEL_BEGINNER -> CapabilityLevel.BEGINNER;
            case CAPABILITY_LEVEL_INTERMEDIATE -> CapabilityLevel.INTERMEDIATE;
            case CAPABILITY_LEVEL_ADVANCED -> CapabilityLevel.ADVANCED;
            case CAPABILITY_LEVEL_EXPERT -> CapabilityLevel.EXPERT;
            case CAPABILITY_LEVEL_UNSPECIFIED, UNRECOGNIZED ->
                throw new IllegalArgumentException("level: " + level + " (expected: a known level)");
        };
    }

    static dev.sortie.agent.v1.CapabilityLevel toMessage(CapabilityLevel level) {
        return switch (level) {
            case BEGINNER -> dev.sortie.agent.v1.CapabilityLevel.CAPABILITY_LEVEL_BEGINNER;
            case INTERMEDIATE -> dev.sortie.agent.v1.CapabilityLevel.CAPABILITY_LEVEL_INTERMEDIATE;
            case ADVANCED -> dev.sortie.agent.v1.CapabilityLevel.CAPABILITY_LEVEL_ADVANCED;
            case EXPERT -> dev.sortie.agent.v1.CapabilityLevel.CAPABILITY_LEVEL_EXPERT;
        };
    }

    static dev.sortie.agent.v1.Worker toMessage(Worker worker) {
        var agentId = worker.agentId();
        var message = dev.sortie.agent.v1.Worker.newBuilder()
                .setAgentId(agentId == null ? "" : agentId.toString())
                .addAllCapabilities(worker.capabilities().stream()
                        .map(capability -> WorkerCapability.newBuilder()
                                .setName(capability.name())
                                .setLevel(toMessage(capability.level()))
                                .setMetadata(struct(capability.metadata()))
                                .build())
                        .toList())
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
                .setHeldClaimCount(worker.heldClaims());
        if (worker.drainAt() != null) {
            message.setDrainTime(timestamp(worker.drainAt()));
        }
        return message.build();
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
