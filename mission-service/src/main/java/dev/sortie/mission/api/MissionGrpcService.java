package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Imports;
import dev.sortie.mission.domain.MissionTrees;
import dev.sortie.mission.domain.Missions;
import dev.sortie.mission.v1.ApproveMissionRequest;
import dev.sortie.mission.v1.ApproveMissionResponse;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CancelMissionResponse;
import dev.sortie.mission.v1.CompleteMissionRequest;
import dev.sortie.mission.v1.CompleteMissionResponse;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.CreateMissionResponse;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeleteMissionResponse;
import dev.sortie.mission.v1.FailMissionRequest;
import dev.sortie.mission.v1.FailMissionResponse;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.GetMissionResponse;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.GetMissionTreeResponse;
import dev.sortie.mission.v1.ImportMissionsRequest;
import dev.sortie.mission.v1.ImportMissionsResponse;
import dev.sortie.mission.v1.ListMissionMovesRequest;
import dev.sortie.mission.v1.ListMissionMovesResponse;
import dev.sortie.mission.v1.ListMissionsRequest;
import dev.sortie.mission.v1.ListMissionsResponse;
import dev.sortie.mission.v1.MissionServiceGrpc.MissionServiceImplBase;
import dev.sortie.mission.v1.ReturnMissionToWorkRequest;
import dev.sortie.mission.v1.ReturnMissionToWorkResponse;
import dev.sortie.mission.v1.RunMissionRequest;
import dev.sortie.mission.v1.RunMissionResponse;
import dev.sortie.mission.v1.SubmitMissionForQaRequest;
import dev.sortie.mission.v1.SubmitMissionForQaResponse;
import dev.sortie.mission.v1.UndeleteMissionRequest;
import dev.sortie.mission.v1.UndeleteMissionResponse;
import dev.sortie.mission.v1.UpdateMissionRequest;
import dev.sortie.mission.v1.UpdateMissionResponse;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.ClientStream;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Isolation;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;

/** {@code sortie.mission.v1.MissionService}. */
public final class MissionGrpcService extends MissionServiceImplBase {
    private final Database database;
    private final Replies replies;
    private final PageTokens pages;
    private final Missions missions;
    private final MissionTrees trees;
    private final Findings findings;
    private final Imports imports;

    public MissionGrpcService(
            Database database,
            Replies replies,
            PageTokens pages,
            Missions missions,
            MissionTrees trees,
            Findings findings,
            Imports imports) {
        this.database = database;
        this.replies = replies;
        this.pages = pages;
        this.missions = missions;
        this.trees = trees;
        this.findings = findings;
        this.imports = imports;
    }

    @Override
    public void createMission(CreateMissionRequest request, StreamObserver<CreateMissionResponse> observer) {
        replies.write(request, observer, MissionProtos::toDraft, missions::create, MissionProtos::toCreateResponse);
    }

    @Override
    public void getMission(GetMissionRequest request, StreamObserver<GetMissionResponse> observer) {
        replies.read(
                request,
                observer,
                r -> uuid(r.getMissionId()),
                (queries, id) -> missions.get(queries, id, request.getShowDeleted()),
                MissionProtos::toGetResponse);
    }

    @Override
    public void listMissions(ListMissionsRequest request, StreamObserver<ListMissionsResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> missions.list(queries, MissionProtos.toFilter(request), page),
                MissionProtos::toListResponse);
    }

    @Override
    public void updateMission(UpdateMissionRequest request, StreamObserver<UpdateMissionResponse> observer) {
        replies.write(request, observer, MissionProtos::toEdit, missions::update, MissionProtos::toUpdateResponse);
    }

    @Override
    public void deleteMission(DeleteMissionRequest request, StreamObserver<DeleteMissionResponse> observer) {
        replies.write(request, observer, MissionProtos::toDeletion, missions::delete, MissionProtos::toDeleteResponse);
    }

    @Override
    public void undeleteMission(UndeleteMissionRequest request, StreamObserver<UndeleteMissionResponse> observer) {
        replies.write(
                request, observer, MissionProtos::toRequest, missions::undelete, MissionProtos::toUndeleteResponse);
    }

    @Override
    public void approveMission(ApproveMissionRequest request, StreamObserver<ApproveMissionResponse> observer) {
        replies.write(request, observer, MissionProtos::toRequest, missions::approve, MissionProtos::toApproveResponse);
    }

    @Override
    public void submitMissionForQa(
            SubmitMissionForQaRequest request, StreamObserver<SubmitMissionForQaResponse> observer) {
        replies.write(
                request,
                observer,
                MissionProtos::toRequest,
                missions::submitForQa,
                MissionProtos::toSubmitForQaResponse);
    }

    @Override
    public void returnMissionToWork(
            ReturnMissionToWorkRequest request, StreamObserver<ReturnMissionToWorkResponse> observer) {
        replies.write(
                request,
                observer,
                MissionProtos::toRequest,
                missions::returnToWork,
                MissionProtos::toReturnToWorkResponse);
    }

    @Override
    public void completeMission(CompleteMissionRequest request, StreamObserver<CompleteMissionResponse> observer) {
        replies.write(
                request, observer, MissionProtos::toRequest, missions::complete, MissionProtos::toCompleteResponse);
    }

    @Override
    public void failMission(FailMissionRequest request, StreamObserver<FailMissionResponse> observer) {
        replies.write(request, observer, MissionProtos::toRequest, missions::fail, MissionProtos::toFailResponse);
    }

    @Override
    public void cancelMission(CancelMissionRequest request, StreamObserver<CancelMissionResponse> observer) {
        replies.write(request, observer, MissionProtos::toRequest, missions::cancel, MissionProtos::toCancelResponse);
    }

    @Override
    public void runMission(RunMissionRequest request, StreamObserver<RunMissionResponse> observer) {
        findings.keep(() -> replies.write(
                request, observer, MissionProtos::toRequest, missions::run, MissionProtos::toRunResponse));
    }

    @Override
    public void getMissionTree(GetMissionTreeRequest request, StreamObserver<GetMissionTreeResponse> observer) {
        replies.call(
                request,
                observer,
                r -> pages.open(r, MissionTrees.MAX_NODES, MissionTrees.MAX_NODES),
                (principal, page) -> database.transaction(
                        principal, Isolation.SNAPSHOT, tx -> trees.read(tx, MissionTreeProtos.toWish(request), page)),
                MissionTreeProtos::toResponse);
    }

    @Override
    public void listMissionMoves(ListMissionMovesRequest request, StreamObserver<ListMissionMovesResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> missions.moves(queries, MoveProtos.toTimeline(request), page),
                MoveProtos::toListResponse);
    }

    @Override
    public StreamObserver<ImportMissionsRequest> importMissions(StreamObserver<ImportMissionsResponse> observer) {
        return replies.receive(observer, this::receiveRecords);
    }

    /** A transaction for each record; the next one is looked at when the one before is durable. */
    private ImportMissionsResponse receiveRecords(ClientStream<ImportMissionsRequest> stream) {
        var principal = CallContext.principal();
        var imported = new ArrayList<Imports.Imported>();
        var first = stream.next();
        if (first == null) {
            return ImportMissionsResponse.getDefaultInstance();
        }
        var lines = new ImportLines(Math.max(1, first.getFirstLine()), new ImportLines.Sink() {
            @Override
            public void line(long number, byte[] bytes) {
                imported.add(imports.take(principal, number, bytes));
            }

            @Override
            public void tooLong(long number) {
                imported.add(Imports.tooLong(number));
            }
        });
        for (var message = first; message != null; message = stream.next()) {
            lines.add(message.getContent());
        }
        lines.end();
        return ImportProtos.toResponse(imported);
    }
}
