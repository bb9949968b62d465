package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Project;
import dev.sortie.mission.domain.Projects;
import dev.sortie.mission.store.ProjectStore;
import dev.sortie.mission.v1.CreateProjectRequest;
import dev.sortie.mission.v1.CreateProjectResponse;
import dev.sortie.mission.v1.DeleteProjectRequest;
import dev.sortie.mission.v1.DeleteProjectResponse;
import dev.sortie.mission.v1.GetProjectResponse;
import dev.sortie.mission.v1.ListProjectsRequest;
import dev.sortie.mission.v1.ListProjectsResponse;
import dev.sortie.mission.v1.ProjectStatus;
import dev.sortie.mission.v1.UndeleteProjectRequest;
import dev.sortie.mission.v1.UndeleteProjectResponse;
import dev.sortie.mission.v1.UpdateProjectRequest;
import dev.sortie.mission.v1.UpdateProjectResponse;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.ErrorReason;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Between projects and their messages. */
final class ProjectProtos {
    private static final String STATUS_PREFIX = "PROJECT_STATUS_";

    private ProjectProtos() {}

    static Project.Fields toFields(CreateProjectRequest request) {
        var project = request.getProject();
        var status = toStatus(project.getStatus());
        return new Project.Fields(
                project.getName(),
                project.getDescription(),
                status == null ? dev.sortie.mission.domain.ProjectStatus.ACTIVE : status,
                json(project.getMetadata(), "project.metadata"));
    }

    static Projects.Edit toEdit(UpdateProjectRequest request) {
        var project = request.getProject();
        var paths = FieldMasks.resolve(request.getUpdateMask(), project);
        var metadata = json(project.getMetadata(), "project.metadata");
        var status = toStatus(project.getStatus());
        // With a mask that names everything, what is not given is emptied; a status cannot be.
        if (paths.contains("status")
                && status == null
                && request.getUpdateMask().getPathsList().contains("status")) {
            throw Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, "project.status", "value is required")
                    .with("field_count", 1)
                    .exception();
        }
        return new Projects.Edit(
                ResourceIds.required(project.getProjectId(), "project.project_id"),
                project.getEtag(),
                present -> edited(present, paths, project, status, metadata));
    }

    private static Project.Fields edited(
            Project.Fields present,
            Set<String> paths,
            dev.sortie.mission.v1.Project project,
            dev.sortie.mission.domain.@Nullable ProjectStatus status,
            String metadata) {
        return new Project.Fields(
                paths.contains("name") ? project.getName() : present.name(),
                paths.contains("description") ? project.getDescription() : present.description(),
                status != null && paths.contains("status") ? status : present.status(),
                paths.contains("metadata") ? metadata : present.metadata());
    }

    static ProjectStore.Filter toFilter(ListProjectsRequest request) {
        return new ProjectStore.Filter(
                toStatus(request.getStatus()),
                nullableUuid(request.getCreatedBy()),
                request.getMetadata().getFieldsCount() == 0 ? null : json(request.getMetadata(), "metadata"),
                request.getShowDeleted());
    }

    static Projects.Deletion toDeletion(DeleteProjectRequest request) {
        return new Projects.Deletion(uuid(request.getProjectId()), request.getEtag(), request.getForce());
    }

    static Projects.Request toRequest(UndeleteProjectRequest request) {
        return new Projects.Request(uuid(request.getProjectId()), request.getEtag());
    }

    static CreateProjectResponse toCreateResponse(Project project) {
        return CreateProjectResponse.newBuilder().setProject(toMessage(project)).build();
    }

    static GetProjectResponse toGetResponse(Project project) {
        return GetProjectResponse.newBuilder().setProject(toMessage(project)).build();
    }

    static UpdateProjectResponse toUpdateResponse(Project project) {
        return UpdateProjectResponse.newBuilder().setProject(toMessage(project)).build();
    }

    static DeleteProjectResponse toDeleteResponse(Project project) {
        return DeleteProjectResponse.newBuilder().setProject(toMessage(project)).build();
    }

    static UndeleteProjectResponse toUndeleteResponse(Project project) {
        return UndeleteProjectResponse.newBuilder()
                .setProject(toMessage(project))
                .build();
    }

    static ListProjectsResponse toListResponse(Page<Project> page) {
        var messages = page.messages(project -> toMessage(project));
        return ListProjectsResponse.newBuilder()
                .addAllProjects(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    private static dev.sortie.mission.v1.Project toMessage(Project project) {
        var fields = project.fields();
        var message = dev.sortie.mission.v1.Project.newBuilder()
                .setProjectId(project.id().toString())
                .setName(fields.name())
                .setDescription(fields.description())
                .setStatus(ProjectStatus.valueOf(STATUS_PREFIX + fields.status()))
                .setCreateTime(timestamp(project.createdAt()))
                .setUpdateTime(timestamp(project.updatedAt()))
                .setEtag(Long.toString(project.version()));
        if (!fields.metadata().equals("{}")) {
            message.setMetadata(struct(fields.metadata()));
        }
        if (project.createdBy() != null) {
            message.setCreatedBy(project.createdBy().toString());
        }
        if (project.deletedAt() != null) {
            message.setDeleteTime(timestamp(project.deletedAt()));
        }
        if (project.purgeAt() != null) {
            message.setPurgeTime(timestamp(project.purgeAt()));
        }
        return message.build();
    }

    private static dev.sortie.mission.domain.@Nullable ProjectStatus toStatus(ProjectStatus status) {
        return status == ProjectStatus.PROJECT_STATUS_UNSPECIFIED
                ? null
                : dev.sortie.mission.domain.ProjectStatus.valueOf(status.name().substring(STATUS_PREFIX.length()));
    }
}
