package dev.sortie.runtime.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.AppendLogsRequest;
import dev.sortie.agent.v1.AppendLogsResponse;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.LogLine;
import dev.sortie.agent.v1.TailLogsRequest;
import dev.sortie.agent.v1.TailLogsResponse;
import dev.sortie.runtime.Things;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.RunningServer;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class StreamsTest {
    private static final String ID = UUID.randomUUID().toString();
    private static final String KIB = "x".repeat(1024);

    @AutoClose
    static final TestDatabase POSTGRES = Things.database();

    static final AtomicReference<LogService> SERVICE = new AtomicReference<>();
    static final SettableClock CLOCK = new SettableClock();
    static final FakeAuthenticator CALLERS = new FakeAuthenticator();
    static volatile String unknown = "";

    @AutoClose
    static final RunningServer SERVER =
            RunningServer.start(Things.IDENTITY, POSTGRES, CLOCK, StreamsTest::authenticate, runtime -> {
                SERVICE.set(new LogService(runtime.replies()));
                return List.of(SERVICE.get());
            });

    private static Principal authenticate(String token) {
        if (token.equals(unknown)) {
            throw Failure.unavailable(
                            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                            Duration.ofSeconds(1),
                            "nobody can be asked about %s",
                            token)
                    .exception();
        }
        return CALLERS.authenticate(token);
    }

    @Test
    void endsTheStreamsOfATokenThatIsRevokedAndOfACallerThatMayNoLongerHaveThem() throws Exception {
        unknown = "";
        var caller = FakeAuthenticator.user(71, "somebody", Role.DEVELOPER, Principal.Kind.USER);
        CALLERS.know("revoked", caller);
        CALLERS.know("demoted", caller);
        CALLERS.know("unknown", caller);
        CALLERS.know(
                "expired",
                new Principal(
                        caller.userId(),
                        caller.username(),
                        caller.role(),
                        caller.kind(),
                        null,
                        Set.of(),
                        null,
                        CLOCK.instant().plusSeconds(60)));
        SERVICE.get().tail = stream -> {
            stream.send(tail(1));
            new CountDownLatch(1).await(); // until it is interrupted
        };
        var revoked = tail("revoked");
        var viewer = tail("viewer");
        var unreachable = tail("unknown");
        var expired = tail("expired");
        SERVICE.get().append = in -> {
            while (in.next() != null) {}
            return AppendLogsResponse.getDefaultInstance();
        };
        var demoted = new CompletableFuture<Throwable>();
        var lines = ExecutionServiceGrpc.newStub(SERVER.channel("demoted")).appendLogs(new Ends<>(demoted));
        lines.onNext(append(1));

        unknown = "unknown";
        CLOCK.advance(Duration.ofSeconds(61));
        CALLERS.know("demoted", FakeAuthenticator.VIEWER);
        CALLERS.revoke("revoked");

        StatusAssert.of((StatusRuntimeException) revoked.get(60, TimeUnit.SECONDS))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
        StatusAssert.of((StatusRuntimeException) demoted.get(60, TimeUnit.SECONDS))
                .with(Status.Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
        var again = tail("admin");
        endsOneThatIsRevoked(); // so whoever looks from now on looks by the new time
        CALLERS.revoke("expired");
        endsOneThatIsRevoked();
        assertThat(List.of(viewer, unreachable, expired, again)).noneMatch(CompletableFuture::isDone);
    }

    private static void endsOneThatIsRevoked() throws Exception {
        CALLERS.know("late", FakeAuthenticator.DEVELOPER);
        var late = tail("late");
        CALLERS.revoke("late");
        StatusAssert.of((StatusRuntimeException) late.get(60, TimeUnit.SECONDS))
                .with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
    }

    /** Opens a stream, and waits for what it begins with; what comes of it is how it ends. */
    private static CompletableFuture<Throwable> tail(String token) throws Exception {
        var ended = new CompletableFuture<Throwable>();
        var begun = new CompletableFuture<Boolean>();
        ExecutionServiceGrpc.newStub(SERVER.channel(token)).tailLogs(tailRequest(), new Ends<>(ended) {
            @Override
            public void onNext(TailLogsResponse response) {
                begun.complete(true);
            }
        });
        begun.get(60, TimeUnit.SECONDS);
        return ended;
    }

    private static class Ends<P> implements StreamObserver<P> {
        private final CompletableFuture<Throwable> end;

        Ends(CompletableFuture<Throwable> end) {
            this.end = end;
        }

        @Override
        public void onNext(P response) {}

        @Override
        public void onError(Throwable failed) {
            end.complete(failed);
        }

        @Override
        public void onCompleted() {
            end.complete(new AssertionError("it ended well"));
        }
    }

    @Test
    void waitsForASlowReceiverInsteadOfPilingUp() throws Exception {
        var sent = new AtomicInteger();
        var ended = new CompletableFuture<Throwable>();
        SERVICE.get().tail = stream -> {
            try {
                while (true) {
                    stream.send(tail(64 * KIB.length()));
                    sent.incrementAndGet();
                }
            } catch (Throwable thrown) {
                ended.complete(thrown);
                throw thrown;
            }
        };
        var call = new AtomicReference<ClientCallStreamObserver<TailLogsRequest>>();
        var received = new AtomicInteger();
        ExecutionServiceGrpc.newStub(SERVER.channel("viewer")).tailLogs(tailRequest(), receiver(call, received));
        call.get().request(1);
        await(() -> received.get() == 1);
        // What fits into the windows of both ends has been sent, and then no more.
        var before = new AtomicInteger(-1);
        await(() -> before.getAndSet(sent.get()) == sent.get() && sent.get() > 1);
        assertThat(sent.get() * 64).isLessThan(8 * 1024);
        call.get().request(3);
        await(() -> received.get() == 4);
        call.get().cancel("enough", null);
        assertThat(ended.get(60, TimeUnit.SECONDS)).isNotNull();
    }

    @Test
    void endsAStreamAsItsBodyDoes() {
        var stub = ExecutionServiceGrpc.newBlockingStub(SERVER.channel("viewer"));
        SERVICE.get().tail = stream -> {
            stream.send(tail(1));
            stream.send(tail(2));
        };
        assertThat(stub.tailLogs(tailRequest())).toIterable().hasSize(2);

        SERVICE.get().tail = stream -> {
            stream.send(tail(1));
            throw Failure.notFound(ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND, "it is gone")
                    .exception();
        };
        StatusAssert.fails(() -> stub.tailLogs(tailRequest()).forEachRemaining(_ -> {}))
                .with(Status.Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);

        SERVICE.get().tail = stream -> {
            throw new IllegalStateException("a fault");
        };
        StatusAssert.fails(() -> stub.tailLogs(tailRequest()).forEachRemaining(_ -> {}))
                .with(Status.Code.INTERNAL, ErrorReason.ERROR_REASON_INTERNAL);

        SERVICE.get().tail = stream -> {
            throw Status.PERMISSION_DENIED.withDescription("of a peer").asRuntimeException();
        };
        StatusAssert.fails(() -> stub.tailLogs(tailRequest()).forEachRemaining(_ -> {}))
                .with(Status.Code.INTERNAL, ErrorReason.ERROR_REASON_INTERNAL);
    }

    @Test
    void receivesEveryMessageInOrderAndAnswersOnce() throws Exception {
        SERVICE.get().append = in -> {
            int count = 0;
            for (var message = in.next(); message != null; message = in.next()) {
                assertThat(message.getLines(0).getSequence()).isEqualTo(++count);
            }
            return AppendLogsResponse.newBuilder().setAppendedCount(count).build();
        };
        var answer = new CompletableFuture<AppendLogsResponse>();
        var sender = ExecutionServiceGrpc.newStub(SERVER.channel("service")).appendLogs(into(answer));
        for (int i = 1; i <= 500; i++) {
            sender.onNext(append(i));
        }
        sender.onCompleted();
        assertThat(answer.get(60, TimeUnit.SECONDS).getAppendedCount()).isEqualTo(500);
    }

    @Test
    void asksForNoMoreThanItReadsAndMayAnswerBeforeTheEnd() throws Exception {
        var release = new CountDownLatch(1);
        SERVICE.get().append = in -> {
            try {
                release.await();
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
            in.next();
            return AppendLogsResponse.getDefaultInstance();
        };
        var answer = new CompletableFuture<AppendLogsResponse>();
        var sender = (ClientCallStreamObserver<AppendLogsRequest>)
                ExecutionServiceGrpc.newStub(SERVER.channel("service")).appendLogs(into(answer));
        int sent = 0;
        while (sent < 4_000 && (sender.isReady() || sent == 0)) {
            sender.onNext(append(++sent, 64));
            var ready = sender;
            if (!sender.isReady()) {
                awaitBriefly(ready::isReady);
            }
        }
        assertThat(sent).isLessThan(4_000); // 250 MiB would have been taken otherwise
        release.countDown();
        assertThat(answer.get(60, TimeUnit.SECONDS)).isNotNull();
    }

    @Test
    void waitsForTheOtherEndAsLongAsItIsTold() throws Exception {
        SERVICE.get().append = in -> {
            try {
                in.next(Duration.ofSeconds(20));
                in.next(Duration.ofMillis(50));
                throw new AssertionError("something came");
            } catch (TimeoutException silent) {
                throw Failure.aborted(ErrorReason.ERROR_REASON_CONTENTION, "silence")
                        .exception();
            }
        };
        var answer = new CompletableFuture<AppendLogsResponse>();
        var sender = ExecutionServiceGrpc.newStub(SERVER.channel("service")).appendLogs(into(answer));
        sender.onNext(append(1));
        StatusAssert.fails(() -> {
                    try {
                        answer.get(60, TimeUnit.SECONDS);
                    } catch (ExecutionException failed) {
                        throw failed.getCause();
                    }
                })
                .with(Status.Code.ABORTED, ErrorReason.ERROR_REASON_CONTENTION);

        var ended = new CompletableFuture<Throwable>();
        SERVICE.get().tail = stream -> {
            try {
                while (true) {
                    stream.send(tail(64 * KIB.length()), Duration.ofMillis(50));
                }
            } catch (TimeoutException slow) {
                ended.complete(slow);
            }
        };
        var call = new AtomicReference<ClientCallStreamObserver<TailLogsRequest>>();
        ExecutionServiceGrpc.newStub(SERVER.channel("viewer"))
                .tailLogs(tailRequest(), receiver(call, new AtomicInteger()));
        assertThat(ended.get(60, TimeUnit.SECONDS)).isNotNull();
        call.get().cancel("enough", null);
    }

    @Test
    void endsLongStreamsWhenTheServerStopsAndLetsOthersEnd() throws Exception {
        var service = new AtomicReference<LogService>();
        try (var server = RunningServer.start(
                Things.IDENTITY, POSTGRES, new SettableClock(), new FakeAuthenticator(), runtime -> {
                    service.set(new LogService(runtime.replies()));
                    return List.of(service.get());
                })) {
            var begun = new CountDownLatch(2);
            service.get().append = in -> {
                begun.countDown();
                int count = 0;
                while (in.next() != null) {
                    count++;
                }
                return AppendLogsResponse.newBuilder().setAppendedCount(count).build();
            };
            service.get().isLong = true;
            var cut = new CompletableFuture<AppendLogsResponse>();
            ExecutionServiceGrpc.newStub(server.channel("service"))
                    .appendLogs(into(cut))
                    .onNext(append(1));
            await(() -> begun.getCount() == 1);
            service.get().isLong = false;
            var whole = new CompletableFuture<AppendLogsResponse>();
            var sender = ExecutionServiceGrpc.newStub(server.channel("service")).appendLogs(into(whole));
            sender.onNext(append(1));
            await(() -> begun.getCount() == 0);

            var stopping = Thread.ofVirtual().start(() -> server.runtime().close());
            StatusAssert.fails(() -> {
                        try {
                            cut.get(60, TimeUnit.SECONDS);
                        } catch (ExecutionException failed) {
                            throw failed.getCause();
                        }
                    })
                    .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE)
                    .metadata("dependency", "server");
            sender.onNext(append(2));
            sender.onCompleted();
            assertThat(whole.get(60, TimeUnit.SECONDS).getAppendedCount()).isEqualTo(2);
            stopping.join();
        }
    }

    @Test
    void refusesABrokenMessageInTheMiddleAndTellsTheReceiver() throws Exception {
        var ended = new CompletableFuture<Throwable>();
        SERVICE.get().append = in -> {
            try {
                while (in.next() != null) {
                    // reads on
                }
                return AppendLogsResponse.getDefaultInstance();
            } catch (RuntimeException thrown) {
                ended.complete(thrown);
                throw thrown;
            }
        };
        var answer = new CompletableFuture<AppendLogsResponse>();
        var sender = ExecutionServiceGrpc.newStub(SERVER.channel("service")).appendLogs(into(answer));
        sender.onNext(append(1));
        sender.onNext(AppendLogsRequest.newBuilder().setExecutionId("no uuid").build());
        StatusAssert.fails(() -> {
                    try {
                        answer.get(60, TimeUnit.SECONDS);
                    } catch (ExecutionException failed) {
                        throw failed.getCause();
                    }
                })
                .with(Status.Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("execution_id");
        assertThat(ended.get(60, TimeUnit.SECONDS)).isNotNull();
    }

    @Test
    void passesTheCallerTheCorrelationIdAndTheDeadlineOnToAPeer() throws Exception {
        var seen = new CompletableFuture<String>();
        SERVICE.get().tail = stream -> seen.complete(CallContext.principal().username() + " for "
                + CallContext.principal().actor() + " " + CallContext.correlationId() + " "
                + (io.grpc.Context.current().getDeadline() != null));
        try (var peer = PeerChannel.open(SERVER.runtime().address(), () -> "service")) {
            var state = new CallContext("the-id", ExecutionServiceGrpc.getTailLogsMethod());
            state.authenticated(FakeAuthenticator.DEVELOPER);
            var context = io.grpc.Context.current().withValue(CallContext.KEY, state);
            context.run(() -> ExecutionServiceGrpc.newBlockingStub(peer.channel())
                    .withDeadlineAfter(Duration.ofSeconds(20))
                    .tailLogs(tailRequest())
                    .hasNext());
        }
        assertThat(seen.get(60, TimeUnit.SECONDS))
                .isEqualTo("service for " + FakeAuthenticator.DEVELOPER.userId() + " the-id true");
    }

    /** Streams as the test at hand says. */
    private static final class LogService extends ExecutionServiceGrpc.ExecutionServiceImplBase {
        private final Replies replies;
        volatile ServerStream.Body<TailLogsResponse> tail = _ -> {};
        volatile boolean isLong;
        volatile java.util.function.Function<ClientStream<AppendLogsRequest>, AppendLogsResponse> append =
                _ -> AppendLogsResponse.getDefaultInstance();

        LogService(Replies replies) {
            this.replies = replies;
        }

        @Override
        public void tailLogs(TailLogsRequest request, StreamObserver<TailLogsResponse> observer) {
            var body = tail;
            replies.stream(request, observer, r -> r, (r, stream) -> body.run(stream));
        }

        @Override
        public StreamObserver<AppendLogsRequest> appendLogs(StreamObserver<AppendLogsResponse> observer) {
            return isLong ? replies.receiveLong(observer, 1, append) : replies.receive(observer, append);
        }
    }

    private static ClientResponseObserver<TailLogsRequest, TailLogsResponse> receiver(
            AtomicReference<ClientCallStreamObserver<TailLogsRequest>> call, AtomicInteger received) {
        return new ClientResponseObserver<>() {
            @Override
            public void beforeStart(ClientCallStreamObserver<TailLogsRequest> stream) {
                stream.disableAutoRequestWithInitial(0);
                call.set(stream);
            }

            @Override
            public void onNext(TailLogsResponse response) {
                received.incrementAndGet();
            }

            @Override
            public void onError(Throwable failure) {}

            @Override
            public void onCompleted() {}
        };
    }

    private static StreamObserver<AppendLogsResponse> into(CompletableFuture<AppendLogsResponse> answer) {
        return new StreamObserver<>() {
            @Override
            public void onNext(AppendLogsResponse response) {
                answer.complete(response);
            }

            @Override
            public void onError(Throwable failure) {
                answer.completeExceptionally((StatusRuntimeException) failure);
            }

            @Override
            public void onCompleted() {}
        };
    }

    private static TailLogsRequest tailRequest() {
        return TailLogsRequest.newBuilder().setExecutionId(ID).build();
    }

    private static TailLogsResponse tail(int bytes) {
        return TailLogsResponse.newBuilder()
                .addLines(LogLine.newBuilder().setMessage("x".repeat(bytes)))
                .build();
    }

    private static AppendLogsRequest append(long sequence) {
        return append(sequence, 0);
    }

    private static AppendLogsRequest append(long sequence, int kib) {
        return AppendLogsRequest.newBuilder()
                .setExecutionId(ID)
                .setClaimToken("token")
                .addLines(LogLine.newBuilder()
                        .setSequence(sequence)
                        .setLevel(dev.sortie.agent.v1.LogLevel.LOG_LEVEL_INFO)
                        .setMessage(kib == 0 ? "x" : KIB.repeat(kib)))
                .build();
    }

    private static void await(java.util.function.BooleanSupplier condition) {
        if (!within(Duration.ofSeconds(60), condition)) {
            throw new AssertionError("waited in vain");
        }
    }

    private static void awaitBriefly(java.util.function.BooleanSupplier condition) {
        within(Duration.ofMillis(500), condition);
    }

    private static boolean within(Duration longest, java.util.function.BooleanSupplier condition) {
        long until = System.nanoTime() + longest.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > until) {
                return false;
            }
            java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
        }
        return true;
    }
}
