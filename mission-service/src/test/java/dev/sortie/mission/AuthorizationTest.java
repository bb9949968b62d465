package dev.sortie.mission;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.rpc.ErrorInfo;
import dev.sortie.change.v1.ChangeServiceGrpc;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.DodItemServiceGrpc;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.PlanServiceGrpc;
import dev.sortie.mission.v1.ProjectServiceGrpc;
import dev.sortie.mission.v1.ResourceCredentialServiceGrpc;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.TestRunServiceGrpc;
import dev.sortie.mission.v1.ToolServiceGrpc;
import dev.sortie.mission.v1.ToolStepServiceGrpc;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.runtime.testing.ScopeRules;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.AuthorizationProto;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoServiceDescriptorSupplier;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Every RPC that the server serves: who may not call it. */
class AuthorizationTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private static final List<ServiceDescriptor> CONTRACT = List.of(
            UserServiceGrpc.getServiceDescriptor(),
            AuthServiceGrpc.getServiceDescriptor(),
            ResourceCredentialServiceGrpc.getServiceDescriptor(),
            PlanServiceGrpc.getServiceDescriptor(),
            ToolServiceGrpc.getServiceDescriptor(),
            MissionServiceGrpc.getServiceDescriptor(),
            HopServiceGrpc.getServiceDescriptor(),
            ToolStepServiceGrpc.getServiceDescriptor(),
            AssetServiceGrpc.getServiceDescriptor(),
            DodItemServiceGrpc.getServiceDescriptor(),
            TestRunServiceGrpc.getServiceDescriptor(),
            ProjectServiceGrpc.getServiceDescriptor(),
            TaskServiceGrpc.getServiceDescriptor(),
            ChangeServiceGrpc.getServiceDescriptor());

    private static final List<MethodDescriptor> METHODS = servedMethods();

    @Test
    void servesEveryServiceOfTheContract() {
        assertThat(METHODS)
                .extracting(method -> method.getService().getFullName())
                .containsAll(CONTRACT.stream().map(ServiceDescriptor::getName).toList());
    }

    @Test
    void refusesAnonymousCallsOfEveryRpcButLoginsAndGetJwks() {
        var open = new ArrayList<String>();
        for (var method : METHODS) {
            if (access(method) == Access.ACCESS_ANONYMOUS) {
                open.add(method.getName());
                assertThat(call(MISSION.anonymous(), method).map(Status::getCode))
                        .as(method.getFullName())
                        .isNotEqualTo(Optional.of(Status.Code.UNAUTHENTICATED));
            } else {
                assertRefused(
                        MISSION.anonymous(),
                        method,
                        Status.Code.UNAUTHENTICATED,
                        ErrorReason.ERROR_REASON_TOKEN_MISSING);
            }
        }
        assertThat(open).containsExactlyInAnyOrder("Login", "RefreshToken", "GetJwks");
    }

    @Test
    void refusesEveryRoleBelowTheOneThatAnRpcAsksFor() {
        var viewer = MISSION.viewer();
        var developer = MISSION.developer();
        for (var method : METHODS) {
            switch (access(method)) {
                case ACCESS_ANONYMOUS, ACCESS_VIEWER -> assertAdmitted(viewer, method);
                case ACCESS_DEVELOPER -> {
                    assertDenied(viewer, method);
                    assertAdmitted(developer, method);
                }
                case ACCESS_ADMIN -> {
                    assertDenied(viewer, method);
                    assertDenied(developer, method);
                    assertAdmitted(MISSION.admin(), method);
                }
                case ACCESS_SERVICE -> {
                    assertDenied(viewer, method);
                    assertDenied(developer, method);
                    assertDenied(MISSION.admin(), method);
                }
                case ACCESS_UNSPECIFIED, UNRECOGNIZED -> throw new AssertionError(method.getFullName());
            }
            assertAdmitted(MISSION.service(), method);
        }
    }

    @Test
    void limitsTokensToWhatTheyWereMadeFor() {
        var service = MISSION.query("SELECT user_id FROM users WHERE username = 'agent-service'");
        ScopeRules.check(scope -> MISSION.with(MISSION.newToken(service, scope)), CONTRACT);
    }

    @Test
    void refusesServicesThatItDoesNotServe() {
        var method = io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
                .setFullMethodName("sortie.mission.v1.UserService/DropEverything")
                .setRequestMarshaller(ProtoUtils.marshaller(
                        DynamicMessage.getDefaultInstance(METHODS.getFirst().getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(
                        DynamicMessage.getDefaultInstance(METHODS.getFirst().getOutputType())))
                .build();
        var request = DynamicMessage.getDefaultInstance(METHODS.getFirst().getInputType());
        try {
            ClientCalls.blockingUnaryCall(MISSION.anonymous(), method, CallOptions.DEFAULT, request);
            throw new AssertionError("it answered");
        } catch (StatusRuntimeException refused) {
            assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.UNIMPLEMENTED);
        }
    }

    private static void assertDenied(Channel channel, MethodDescriptor method) {
        assertRefused(channel, method, Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
    }

    private static void assertRefused(Channel channel, MethodDescriptor method, Status.Code code, ErrorReason reason) {
        try {
            StatusAssert.fails(() -> invoke(channel, method)).with(code, reason);
        } catch (AssertionError wrong) {
            throw new AssertionError(method.getFullName(), wrong);
        }
    }

    /** Whatever else an empty request brings about, it gets past authorization. */
    private static void assertAdmitted(Channel channel, MethodDescriptor method) {
        assertThat(reason(channel, method))
                .as(method.getFullName())
                .isNotIn(
                        ErrorReason.ERROR_REASON_TOKEN_MISSING.name(),
                        ErrorReason.ERROR_REASON_TOKEN_INVALID.name(),
                        ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT.name(),
                        ErrorReason.ERROR_REASON_INTERNAL.name());
    }

    private static String reason(Channel channel, MethodDescriptor method) {
        try {
            invoke(channel, method);
            return "";
        } catch (StatusRuntimeException refused) {
            if (refused.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED
                    || refused.getStatus().getCode() == Status.Code.CANCELLED) {
                return ""; // a stream that was let in
            }
            return StatusAssert.of(refused).status().getDetailsList().stream()
                    .filter(detail -> detail.is(ErrorInfo.class))
                    .map(AuthorizationTest::reason)
                    .findFirst()
                    .orElse("");
        }
    }

    private static String reason(com.google.protobuf.Any detail) {
        try {
            return detail.unpack(ErrorInfo.class).getReason();
        } catch (com.google.protobuf.InvalidProtocolBufferException wrong) {
            throw new AssertionError(wrong);
        }
    }

    private static Optional<Status> call(Channel channel, MethodDescriptor method) {
        try {
            invoke(channel, method);
            return Optional.empty();
        } catch (StatusRuntimeException refused) {
            return Optional.of(refused.getStatus());
        }
    }

    /** One empty message, and the first answer. */
    private static void invoke(Channel channel, MethodDescriptor method) {
        var type = method.isClientStreaming()
                ? (method.isServerStreaming()
                        ? io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING
                        : io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
                : (method.isServerStreaming()
                        ? io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING
                        : io.grpc.MethodDescriptor.MethodType.UNARY);
        var call = io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(type)
                .setFullMethodName(io.grpc.MethodDescriptor.generateFullMethodName(
                        method.getService().getFullName(), method.getName()))
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
        var responses = ClientCalls.blockingServerStreamingCall(
                channel.newCall(call, CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS)),
                DynamicMessage.getDefaultInstance(method.getInputType()));
        if (responses.hasNext()) {
            responses.next();
        }
    }

    private static Access access(MethodDescriptor method) {
        return method.getOptions()
                .getExtension(AuthorizationProto.authorization)
                .getAccess();
    }

    /** What reflection says is served, of our own contract. */
    private static List<MethodDescriptor> servedMethods() {
        var served = new HashSet<String>();
        var answers = new CompletableFuture<ServerReflectionResponse>();
        var requests = ServerReflectionGrpc.newStub(MISSION.anonymous()).serverReflectionInfo(new StreamObserver<>() {
            @Override
            public void onNext(ServerReflectionResponse response) {
                answers.complete(response);
            }

            @Override
            public void onError(Throwable failed) {
                answers.completeExceptionally(failed);
            }

            @Override
            public void onCompleted() {}
        });
        requests.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
        answers.join().getListServicesResponse().getServiceList().forEach(service -> served.add(service.getName()));
        requests.onCompleted();
        return CONTRACT.stream()
                .map(service -> ((ProtoServiceDescriptorSupplier) service.getSchemaDescriptor()).getServiceDescriptor())
                .filter(service -> served.remove(service.getFullName()))
                .flatMap(service -> service.getMethods().stream())
                .toList();
    }
}
