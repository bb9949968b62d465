package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Projects;
import dev.sortie.mission.v1.CreateProjectRequest;
import dev.sortie.mission.v1.CreateProjectResponse;
import dev.sortie.mission.v1.DeleteProjectRequest;
import dev.sortie.mission.v1.DeleteProjectResponse;
import dev.sortie.mission.v1.GetProjectRequest;
import dev.sortie.mission.v1.GetProjectResponse;
import dev.sortie.mission.v1.ListProjectMovesRequest;
import dev.sortie.mission.v1.ListProjectMovesResponse;
import dev.sortie.mission.v1.ListProjectsRequest;
import dev.sortie.mission.v1.ListProjectsResponse;
import dev.sortie.mission.v1.ProjectServiceGrpc.ProjectServiceImplBase;
import dev.sortie.mission.v1.UndeleteProjectRequest;
import dev.sortie.mission.v1.UndeleteProjectResponse;
import dev.sortie.mission.v1.UpdateProjectRequest;
import dev.sortie.mission.v1.UpdateProjectResponse;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.ProjectService}. */
public final class ProjectGrpcService extends ProjectServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Projects projects;

    public ProjectGrpcService(Replies replies, PageTokens pages, Projects projects) {
        this.replies = replies;
        this.pages = pages;
        this.projects = projects;
    }

    @Override
    public void createProject(CreateProjectRequest request, StreamObserver<CreateProjectResponse> observer) {
        replies.write(request, observer, ProjectProtos::toFields, projects::create, ProjectProtos::toCreateResponse);
    }

    @Override
    public void getProject(GetProjectRequest request, StreamObserver<GetProjectResponse> observer) {
        replies.read(
                request,
                observer,
                r -> uuid(r.getProjectId()),
                (queries, id) -> projects.get(queries, id, request.getShowDeleted()),
                ProjectProtos::toGetResponse);
    }

    @Override
    public void listProjects(ListProjectsRequest request, StreamObserver<ListProjectsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> projects.list(queries, ProjectProtos.toFilter(request), page),
                ProjectProtos::toListResponse);
    }

    @Override
    public void updateProject(UpdateProjectRequest request, StreamObserver<UpdateProjectResponse> observer) {
        replies.write(request, observer, ProjectProtos::toEdit, projects::update, ProjectProtos::toUpdateResponse);
    }

    @Override
    public void deleteProject(DeleteProjectRequest request, StreamObserver<DeleteProjectResponse> observer) {
        replies.write(request, observer, ProjectProtos::toDeletion, projects::delete, ProjectProtos::toDeleteResponse);
    }

    @Override
    public void undeleteProject(UndeleteProjectRequest request, StreamObserver<UndeleteProjectResponse> observer) {
        replies.write(
                request, observer, ProjectProtos::toRequest, projects::undelete, ProjectProtos::toUndeleteResponse);
    }

    @Override
    public void listProjectMoves(ListProjectMovesRequest request, StreamObserver<ListProjectMovesResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> projects.moves(queries, uuid(request.getProjectId()), page),
                MoveProtos::toListProjectMovesResponse);
    }
}
