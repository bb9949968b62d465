package dev.sortie.agent.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.agent.domain.Subject;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.GetTaskResponse;
import dev.sortie.mission.v1.GetToolStepRequest;
import dev.sortie.mission.v1.GetToolStepResponse;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.grpc.PeerChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Asking mission-service for what orders are for. */
class MissionSubjectsTest {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final AtomicReference<Status> refusal = new AtomicReference<>();
    private final AtomicReference<String> authorization = new AtomicReference<>();
    private Server mission;
    private PeerChannel peer;
    private MissionSubjects subjects;

    @BeforeEach
    void startMissionService() throws IOException {
        mission = ServerBuilder.forPort(0)
                .addService(new ToolStepServiceGrpc.ToolStepServiceImplBase() {
                    @Override
                    public void getToolStep(GetToolStepRequest request, StreamObserver<GetToolStepResponse> observer) {
                        var status = refusal.get();
                        if (status != null) {
                            observer.onError(status.asRuntimeException());
                            return;
                        }
                        observer.onNext(GetToolStepResponse.newBuilder()
                                .setToolStep(ToolStep.newBuilder().setToolStepId(request.getToolStepId()))
                                .build());
                        observer.onCompleted();
                    }
                })
                .addService(new TaskServiceGrpc.TaskServiceImplBase() {
                    @Override
                    public void getTask(GetTaskRequest request, StreamObserver<GetTaskResponse> observer) {
                        var status = refusal.get();
                        if (status != null) {
                            observer.onError(status.asRuntimeException());
                            return;
                        }
                        observer.onNext(GetTaskResponse.newBuilder()
                                .setTask(Task.newBuilder().setTaskId(request.getTaskId()))
                                .build());
                        observer.onCompleted();
                    }
                })
                .intercept(new ServerInterceptor() {
                    @Override
                    public <Q, P> ServerCall.Listener<Q> interceptCall(
                            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
                        authorization.set(headers.get(AUTHORIZATION));
                        return next.startCall(call, headers);
                    }
                })
                .build()
                .start();
        peer = PeerChannel.open("127.0.0.1:" + mission.getPort(), () -> "own-token");
        subjects = new MissionSubjects(peer.channel());
    }

    @AfterEach
    void stopMissionService() {
        peer.close();
        mission.shutdownNow();
    }

    @ParameterizedTest
    @EnumSource(Subject.Kind.class)
    void asksAsThisServiceWhetherItExists(Subject.Kind kind) {
        assertThat(subjects.exists(new Subject(kind, UUID.randomUUID()))).isTrue();
        assertThat(authorization).hasValue("Bearer own-token");
        refusal.set(Status.NOT_FOUND);
        assertThat(subjects.exists(new Subject(kind, UUID.randomUUID()))).isFalse();
    }

    @ParameterizedTest
    @EnumSource(Subject.Kind.class)
    void isUnavailableWhenMissionServiceDoesNotSay(Subject.Kind kind) {
        for (var status : new Status[] {Status.UNAUTHENTICATED, Status.INTERNAL, Status.DEADLINE_EXCEEDED}) {
            refusal.set(status);
            assertThatThrownBy(() -> subjects.exists(new Subject(kind, UUID.randomUUID())))
                    .isInstanceOfSatisfying(FailureException.class, failed -> {
                        assertThat(failed.failure()).isInstanceOf(Failure.Unavailable.class);
                        assertThat(failed.failure().metadata()).containsEntry("dependency", "mission-service");
                    });
        }
    }
}
