package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.Missions;
import dev.sortie.mission.domain.Move;
import dev.sortie.mission.v1.ListMissionMovesRequest;
import dev.sortie.mission.v1.ListMissionMovesResponse;
import dev.sortie.mission.v1.ListPlanMovesResponse;
import dev.sortie.mission.v1.ListProjectMovesResponse;
import dev.sortie.mission.v1.ListTaskMovesResponse;
import dev.sortie.mission.v1.MoveResource;
import dev.sortie.runtime.paging.Page;
import org.jspecify.annotations.Nullable;

/** Between moves and their messages. */
final class MoveProtos {
    private static final String RESOURCE_PREFIX = "MOVE_RESOURCE_";

    private MoveProtos() {}

    static Missions.Timeline toTimeline(ListMissionMovesRequest request) {
        return new Missions.Timeline(
                uuid(request.getMissionId()), toResource(request.getResource()), nullableUuid(request.getResourceId()));
    }

    static ListMissionMovesResponse toListResponse(Page<Move.Recorded> page) {
        var messages = page.messages(MoveProtos::toMessage);
        return ListMissionMovesResponse.newBuilder()
                .addAllMoves(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ListProjectMovesResponse toListProjectMovesResponse(Page<Move.Recorded> page) {
        var messages = page.messages(MoveProtos::toMessage);
        return ListProjectMovesResponse.newBuilder()
                .addAllMoves(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ListPlanMovesResponse toListPlanMovesResponse(Page<Move.Recorded> page) {
        var messages = page.messages(MoveProtos::toMessage);
        return ListPlanMovesResponse.newBuilder()
                .addAllMoves(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static ListTaskMovesResponse toListTaskMovesResponse(Page<Move.Recorded> page) {
        var messages = page.messages(MoveProtos::toMessage);
        return ListTaskMovesResponse.newBuilder()
                .addAllMoves(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static dev.sortie.mission.v1.Move toMessage(Move.Recorded move) {
        var message = dev.sortie.mission.v1.Move.newBuilder()
                .setResource(MoveResource.valueOf(RESOURCE_PREFIX + move.resource()))
                .setResourceId(move.resourceId().toString())
                .setToStatus(move.to())
                .setActor(move.actor())
                .setReason(move.reason())
                .setMoveTime(timestamp(move.at()));
        if (move.from() != null) {
            message.setFromStatus(move.from());
        }
        return message.build();
    }

    private static Move.@Nullable Resource toResource(MoveResource resource) {
        return resource == MoveResource.MOVE_RESOURCE_UNSPECIFIED
                ? null
                : Move.Resource.valueOf(resource.name().substring(RESOURCE_PREFIX.length()));
    }
}
