package dev.sortie.runtime.grpc;

import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateHopResponse;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteHopResponse;
import dev.sortie.mission.v1.GetHopRequest;
import dev.sortie.mission.v1.GetHopResponse;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.stub.StreamObserver;
import java.util.UUID;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** A service of the contract over the table of things, for the tests of what is around a service. */
final class ThingService extends HopServiceGrpc.HopServiceImplBase {
    private final Replies replies;
    private final Ids ids;

    /** What GetHop does in place of its own work, while a test wants so. */
    volatile @Nullable BiFunction<Queries, UUID, String> get;

    ThingService(Replies replies, Ids ids) {
        this.replies = replies;
        this.ids = ids;
    }

    @Override
    public void createHop(CreateHopRequest request, StreamObserver<CreateHopResponse> observer) {
        replies.write(
                request,
                observer,
                r -> r.getHop().getName(),
                this::create,
                id -> CreateHopResponse.newBuilder().setHop(hop(id)).build());
    }

    @Override
    public void getHop(GetHopRequest request, StreamObserver<GetHopResponse> observer) {
        replies.read(
                request,
                observer,
                r -> UUID.fromString(r.getHopId()),
                (queries, id) -> {
                    var instead = get;
                    return instead == null ? name(queries, id) : instead.apply(queries, id);
                },
                name -> GetHopResponse.newBuilder()
                        .setHop(Hop.newBuilder().setName(name))
                        .build());
    }

    @Override
    public void deleteHop(DeleteHopRequest request, StreamObserver<DeleteHopResponse> observer) {
        observer.onError(Failure.aborted(ErrorReason.ERROR_REASON_ETAG_MISMATCH, "through the observer")
                .exception());
    }

    private UUID create(Tx tx, String name) {
        var id = ids.next();
        try {
            tx.update("INSERT INTO things (id, name) VALUES ($1::uuid, $2::text)", id, name);
        } catch (ConstraintViolation violation) {
            throw Failure.alreadyExists(ErrorReason.ERROR_REASON_NOT_OWNER, "the name %s is taken", name)
                    .exception();
        }
        tx.change(Change.created("thing", id, 1));
        return id;
    }

    private static String name(Queries queries, UUID id) {
        return queries.find("SELECT name FROM things WHERE id = $1::uuid", row -> row.getString("name"), id)
                .orElseThrow(() -> Failure.notFound(
                                ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND, "thing %s does not exist", id)
                        .with("resource", "thing")
                        .with("id", id)
                        .exception());
    }

    private static Hop hop(UUID id) {
        return Hop.newBuilder().setHopId(id.toString()).build();
    }
}
