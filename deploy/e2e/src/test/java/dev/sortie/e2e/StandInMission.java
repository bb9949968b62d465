package dev.sortie.e2e;

import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.Principal;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.mission.v1.WhoAmIResponse;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.UUID;

/** In mission-service's place: whoever has a token is the administrator. */
final class StandInMission implements AutoCloseable {
    private final Server server;

    private StandInMission(Server server) {
        this.server = server;
    }

    static StandInMission start() throws IOException {
        return new StandInMission(Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
                .addService(new Identity())
                .build()
                .start());
    }

    String address() {
        return "127.0.0.1:" + server.getPort();
    }

    private static final class Identity extends AuthServiceGrpc.AuthServiceImplBase {
        private final String id = UUID.randomUUID().toString();

        @Override
        public void whoAmI(WhoAmIRequest request, StreamObserver<WhoAmIResponse> observer) {
            observer.onNext(WhoAmIResponse.newBuilder()
                    .setPrincipal(Principal.newBuilder()
                            .setUserId(id)
                            .setUsername("admin")
                            .setRole(UserRole.USER_ROLE_ADMIN)
                            .setKind(UserKind.USER_KIND_HUMAN))
                    .build());
            observer.onCompleted();
        }
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
