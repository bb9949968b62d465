package dev.sortie.runtime.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import dev.sortie.change.v1.ChangeServiceGrpc;
import dev.sortie.change.v1.WatchChangesRequest;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.GetHopRequest;
import dev.sortie.mission.v1.GetHopResponse;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopServiceGrpc;
import dev.sortie.runtime.Things;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class GrpcServerTest {
    private static final String ID = UUID.randomUUID().toString();
    /** An RPC that the contract says nothing about. */
    private static final MethodDescriptor<GetHopRequest, GetHopResponse> UNDECLARED =
            MethodDescriptor.<GetHopRequest, GetHopResponse>newBuilder()
                    .setType(MethodDescriptor.MethodType.UNARY)
                    .setFullMethodName("sortie.test.v1.Undeclared/Get")
                    .setRequestMarshaller(ProtoUtils.marshaller(GetHopRequest.getDefaultInstance()))
                    .setResponseMarshaller(ProtoUtils.marshaller(GetHopResponse.getDefaultInstance()))
                    .build();

    @AutoClose
    static final TestDatabase POSTGRES = Things.database();

    static final AtomicReference<ThingService> SERVICE = new AtomicReference<>();

    @AutoClose
    static final RunningServer SERVER = start(SERVICE, ServerSettings.local());

    @AfterEach
    void doItsOwnWorkAgain() {
        SERVICE.get().get = null;
    }

    @Test
    void refusesCallsWithoutATokenAndWithAWrongOne() {
        StatusAssert.fails(
                        () -> HopServiceGrpc.newBlockingStub(SERVER.channel()).getHop(get()))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_MISSING);
        StatusAssert.fails(() -> stub("forged").getHop(get()))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    @Test
    void letsThroughWhoReachesTheRoleAndServices() {
        StatusAssert.fails(() -> stub("viewer").createHop(create("by viewer")))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT)
                .metadata("required", "DEVELOPER")
                .metadata("role", "VIEWER");
        assertThat(stub("developer").createHop(create("by developer")).hasHop()).isTrue();
        assertThat(stub("service").createHop(create("by service")).hasHop()).isTrue();
    }

    @Test
    void refusesEverybodyWhatTheContractSaysNothingAbout() {
        StatusAssert.fails(() -> ClientCalls.blockingUnaryCall(
                        SERVER.channel("service"), UNDECLARED, CallOptions.DEFAULT, get()))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
    }

    @Test
    void checksWhoCallsBeforeItChecksTheRequest() {
        var broken = GetHopRequest.newBuilder().setHopId("no uuid").build();
        StatusAssert.fails(() -> stub("forged").getHop(broken))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
        StatusAssert.fails(() -> stub("viewer").getHop(broken))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("hop_id")
                .metadata("field_count", 1);
    }

    @Test
    void namesEveryFieldAtFaultWithItsPathAndBound() {
        var request = CreateHopRequest.newBuilder()
                .setHop(Hop.newBuilder().setName("x".repeat(256)).setSequenceOrder(-1))
                .setRequestId("1")
                .build();
        StatusAssert.fails(() -> stub("developer").createHop(request))
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("hop.name", "255")
                .field("hop.sequence_order")
                .field("hop.mission_id", "required")
                .field("request_id");
    }

    @Test
    void answersRequestsThatCannotBeParsed() {
        for (var broken : List.of(
                new byte[] {0x0a, 3, 0x1a, 1, (byte) 0xff}, // a name that is not UTF-8
                new byte[] {0x0a, 50, 0x1a}, // cut off
                nested(101))) {
            StatusAssert.fails(() -> ClientCalls.blockingUnaryCall(
                            SERVER.channel("developer"), createHopRaw(), CallOptions.DEFAULT, broken))
                    .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                    .field("request")
                    .metadata("field_count", 1);
        }
        StatusAssert.fails(() -> ClientCalls.blockingUnaryCall(
                        SERVER.channel("forged"), createHopRaw(), CallOptions.DEFAULT, new byte[] {0x0a, 50}))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    /** An unknown field of a hop, with this many groups in each other. */
    private static byte[] nested(int levels) {
        var hop = new byte[2 * levels];
        Arrays.fill(hop, 0, levels, (byte) 0x7b); // field 15, a group begins
        Arrays.fill(hop, levels, 2 * levels, (byte) 0x7c);
        var request = CreateHopRequest.newBuilder().build().toByteString();
        return request.concat(ByteString.copyFrom(hop)).toByteArray();
    }

    private static MethodDescriptor<byte[], Hop> createHopRaw() {
        return HopServiceGrpc.getCreateHopMethod().toBuilder(
                        new MethodDescriptor.Marshaller<byte[]>() {
                            @Override
                            public InputStream stream(byte[] value) {
                                return new ByteArrayInputStream(value);
                            }

                            @Override
                            public byte[] parse(InputStream stream) {
                                throw new UnsupportedOperationException();
                            }
                        },
                        ProtoUtils.marshaller(Hop.getDefaultInstance()))
                .build();
    }

    @Test
    void letsOnlyServicesActForOthers() {
        var user = UUID.randomUUID();
        var actor = new AtomicReference<String>();
        SERVICE.get().get = (queries, id) -> {
            actor.set(queries.principal().actor());
            return "";
        };
        HopServiceGrpc.newBlockingStub(with(SERVER.channel("service"), CallContext.ACTING_FOR, user.toString()))
                .getHop(get());
        assertThat(actor).hasValue(user.toString());
        StatusAssert.fails(() -> HopServiceGrpc.newBlockingStub(
                                with(SERVER.channel("admin"), CallContext.ACTING_FOR, user.toString()))
                        .getHop(get()))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
    }

    @Test
    void tellsNothingOfItsOwnFaultsButTheCorrelationId() {
        SERVICE.get().get = (queries, id) -> {
            throw new IllegalStateException("SELECT secret FROM users");
        };
        var channel = with(SERVER.channel("viewer"), CallContext.CORRELATION_ID, "my-id-1");
        StatusAssert.fails(() -> HopServiceGrpc.newBlockingStub(channel).getHop(get()))
                .with(Status.Code.INTERNAL, ErrorReason.ERROR_REASON_INTERNAL)
                .metadata("correlation_id", "my-id-1")
                .message("my-id-1");
    }

    @Test
    void keepsAGoodCorrelationIdAndReplacesABadOne() {
        assertThat(correlationIdOf("abc-1.2_3")).isEqualTo("abc-1.2_3");
        assertThat(correlationIdOf("bad id\twith spaces")).matches("[0-9a-f]{16}");
        assertThat(correlationIdOf("x".repeat(65))).matches("[0-9a-f]{16}");
    }

    @Test
    void mapsFailuresThatComeThroughTheObserver() {
        StatusAssert.fails(() -> stub("developer")
                        .deleteHop(DeleteHopRequest.newBuilder().setHopId(ID).build()))
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH);
    }

    @Test
    void boundsTheSqlOfACallByItsDeadline() {
        SERVICE.get().get = (queries, id) -> queries.find("SELECT pg_sleep(30)::text", row -> "", new Object[0])
                .orElse("");
        var begin = System.nanoTime();
        try {
            stub("viewer").withDeadlineAfter(300, TimeUnit.MILLISECONDS).getHop(get());
            throw new AssertionError("it answered");
        } catch (StatusRuntimeException late) {
            assertThat(late.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
        }
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(10));
    }

    @Test
    void answersReflectionAndHealthToAnybody() {
        var health = HealthGrpc.newBlockingStub(SERVER.channel());
        for (var name : List.of("", GrpcServer.LIVENESS, "sortie.mission.v1.HopService")) {
            assertThat(health.check(HealthCheckRequest.newBuilder()
                                    .setService(name)
                                    .build())
                            .getStatus())
                    .isEqualTo(ServingStatus.SERVING);
        }
    }

    @Test
    void tellsGenericClientsHowToReadTheDetailsOfFailures() throws Exception {
        for (var symbol : List.of(
                "google.rpc.ErrorInfo",
                "google.rpc.BadRequest.FieldViolation",
                "google.rpc.RetryInfo",
                "sortie.type.v1.ErrorReason",
                "sortie.mission.v1.HopService")) {
            var answers = reflect(
                    ServerReflectionRequest.newBuilder().setFileContainingSymbol(symbol),
                    ServerReflectionRequest.newBuilder().setFileByFilename("google/rpc/error_details.proto"),
                    ServerReflectionRequest.newBuilder().setFileContainingSymbol("no.such.Symbol"));
            var file = FileDescriptorProto.parseFrom(
                    answers.getFirst().getFileDescriptorResponse().getFileDescriptorProto(0));
            assertThat(symbol).startsWith(file.getPackage());
            assertThat(answers.get(1).getFileDescriptorResponse().getFileDescriptorProtoList())
                    .as("with what it imports")
                    .hasSizeGreaterThan(1);
            assertThat(answers.getLast().getErrorResponse().getErrorCode()).isEqualTo(Status.Code.NOT_FOUND.value());
        }
    }

    /** All answers, to requests that are sent without waiting for any. */
    private static List<ServerReflectionResponse> reflect(ServerReflectionRequest.Builder... requests)
            throws Exception {
        var answers = new ArrayList<ServerReflectionResponse>();
        var done = new CompletableFuture<Boolean>();
        var sender = ServerReflectionGrpc.newStub(SERVER.channel())
                .serverReflectionInfo(new StreamObserver<ServerReflectionResponse>() {
                    @Override
                    public void onNext(ServerReflectionResponse response) {
                        answers.add(response);
                    }

                    @Override
                    public void onError(Throwable failed) {
                        done.completeExceptionally(failed);
                    }

                    @Override
                    public void onCompleted() {
                        done.complete(true);
                    }
                });
        for (var request : requests) {
            sender.onNext(request.build());
        }
        sender.onCompleted();
        assertThat(done.get(60, TimeUnit.SECONDS)).isTrue();
        return answers;
    }

    @Test
    void refusesCallsBeyondItsLimitWithATimeToRetry() throws Exception {
        var service = new AtomicReference<ThingService>();
        var settings = new ServerSettings(
                "127.0.0.1",
                0,
                0,
                1,
                1,
                100,
                4 * 1024 * 1024,
                Duration.ofSeconds(30),
                Duration.ofSeconds(5),
                Duration.ZERO,
                false,
                false);
        try (var server = start(service, settings)) {
            var entered = new CountDownLatch(1);
            var release = new CountDownLatch(1);
            service.get().get = (queries, id) -> {
                entered.countDown();
                await(release);
                return "";
            };
            var stub = HopServiceGrpc.newBlockingStub(server.channel("viewer"));
            var first = CompletableFuture.supplyAsync(() -> stub.getHop(get()), Thread::startVirtualThread);
            await(entered);
            StatusAssert.fails(() -> stub.getHop(get()))
                    .with(Status.Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_OVERLOADED)
                    .metadata("limit", "in_flight_calls")
                    .retryable();
            release.countDown();
            assertThat(first.get(60, TimeUnit.SECONDS)).isNotNull();
        }
    }

    @Test
    void keepsNobodyOutForACallThatWaits() throws Exception {
        var service = new AtomicReference<ThingService>();
        var settings = new ServerSettings(
                "127.0.0.1",
                0,
                0,
                1,
                1,
                100,
                4 * 1024 * 1024,
                Duration.ofSeconds(30),
                Duration.ofSeconds(5),
                Duration.ZERO,
                false,
                false);
        try (var server = start(service, settings)) {
            var entered = new CountDownLatch(2);
            var waiting = new CountDownLatch(1);
            var busy = new CountDownLatch(1);
            service.get().get = (queries, id) -> {
                try {
                    return CallContext.whileWaiting(() -> {
                        entered.countDown();
                        await(waiting);
                        return "waited";
                    });
                } catch (InterruptedException stopped) {
                    throw new AssertionError(stopped);
                }
            };
            var stub = HopServiceGrpc.newBlockingStub(server.channel("viewer"));
            var first = CompletableFuture.supplyAsync(() -> stub.getHop(get()), Thread::startVirtualThread);
            while (entered.getCount() > 1) {
                TimeUnit.MILLISECONDS.sleep(1);
            }
            // There is room for one more; but no stream's place for it to wait at, so it stays where it is.
            var second = CompletableFuture.supplyAsync(() -> stub.getHop(get()), Thread::startVirtualThread);
            await(entered);
            StatusAssert.fails(() -> stub.getHop(get()))
                    .with(Status.Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_OVERLOADED)
                    .metadata("limit", "in_flight_calls");

            waiting.countDown();
            assertThat(first.get(60, TimeUnit.SECONDS).getHop().getName()).isEqualTo("waited");
            assertThat(second.get(60, TimeUnit.SECONDS).getHop().getName()).isEqualTo("waited");

            // All places are free again, and no more than there are.
            var again = new CountDownLatch(1);
            service.get().get = (queries, id) -> {
                again.countDown();
                await(busy);
                return "";
            };
            var third = CompletableFuture.supplyAsync(() -> stub.getHop(get()), Thread::startVirtualThread);
            await(again);
            StatusAssert.fails(() -> stub.getHop(get()))
                    .with(Status.Code.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_OVERLOADED);
            busy.countDown();
            assertThat(third.get(60, TimeUnit.SECONDS)).isNotNull();
        }
    }

    @Test
    void drainsByFinishingCallsEndingStreamsAndTakingNoNewOnes() throws Exception {
        var service = new AtomicReference<ThingService>();
        var server = start(service, ServerSettings.local());
        var entered = new CountDownLatch(1);
        var release = new CountDownLatch(1);
        service.get().get = (queries, id) -> {
            entered.countDown();
            await(release);
            return "finished";
        };
        var stub = HopServiceGrpc.newBlockingStub(server.channel("viewer"));
        var inFlight = CompletableFuture.supplyAsync(() -> stub.getHop(get()), Thread::startVirtualThread);
        await(entered);
        var stream = ChangeServiceGrpc.newBlockingStub(server.channel("viewer"))
                .watchChanges(WatchChangesRequest.getDefaultInstance());
        assertThat(stream.next().getCursor()).isNotEmpty();

        var closing = CompletableFuture.runAsync(server.runtime()::close, Thread::startVirtualThread);
        StatusAssert.fails(() -> stream.hasNext())
                .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE)
                .retryable();
        assertThat(server.runtime().isReady()).isFalse();
        assertThat(closing).isNotDone();
        release.countDown();
        assertThat(inFlight.get(60, TimeUnit.SECONDS).getHop().getName()).isEqualTo("finished");
        closing.get(60, TimeUnit.SECONDS);
        server.close();
    }

    private static RunningServer start(AtomicReference<ThingService> service, ServerSettings settings) {
        return RunningServer.start(
                Things.IDENTITY, POSTGRES, settings, new SettableClock(), new FakeAuthenticator(), runtime -> {
                    service.set(new ThingService(runtime.replies(), runtime.ids()));
                    var undeclared = ServerServiceDefinition.builder("sortie.test.v1.Undeclared")
                            .addMethod(UNDECLARED, ServerCalls.asyncUnaryCall((request, observer) -> {
                                observer.onNext(GetHopResponse.getDefaultInstance());
                                observer.onCompleted();
                            }))
                            .build();
                    return List.of(service.get(), () -> undeclared);
                });
    }

    private static String correlationIdOf(String sent) {
        var headers = new AtomicReference<Metadata>();
        var trailers = new AtomicReference<Metadata>();
        var channel = ClientInterceptors.intercept(
                with(SERVER.channel("viewer"), CallContext.CORRELATION_ID, sent),
                MetadataUtils.newCaptureMetadataInterceptor(headers, trailers));
        SERVICE.get().get = (queries, id) -> "";
        HopServiceGrpc.newBlockingStub(channel).getHop(get());
        return headers.get().get(CallContext.CORRELATION_ID);
    }

    private static Channel with(Channel channel, Metadata.Key<String> key, String value) {
        var headers = new Metadata();
        headers.put(key, value);
        return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    private static HopServiceGrpc.HopServiceBlockingStub stub(String token) {
        return HopServiceGrpc.newBlockingStub(SERVER.channel(token));
    }

    private static GetHopRequest get() {
        return GetHopRequest.newBuilder().setHopId(ID).build();
    }

    private static CreateHopRequest create(String name) {
        return CreateHopRequest.newBuilder()
                .setHop(Hop.newBuilder().setMissionId(ID).setName(name))
                .build();
    }

    private static void await(CountDownLatch latch) {
        try {
            if (!latch.await(30, TimeUnit.SECONDS)) {
                throw new AssertionError("waited in vain");
            }
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
