package dev.sortie.runtime.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.StringValue;
import dev.sortie.runtime.Things;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner.Answer;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.testing.SettableClock;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Context;
import io.grpc.Status;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class CombinerTest {
    private static final Principal SELF = Principal.internal("test");
    private static final String INSERT = """
            INSERT INTO things (id, name) SELECT gen_random_uuid(), n FROM unnest($1::text[]) AS n
            """;

    @AutoClose
    static final TestDatabase POSTGRES = Things.database();

    @AutoClose
    static final Database DATABASE = Things.open(POSTGRES, new SettableClock());

    private final List<List<String>> transactions = new CopyOnWriteArrayList<>();
    private final CountDownLatch entered = new CountDownLatch(1);
    private final CountDownLatch first = new CountDownLatch(1);
    private final Combiner<String, String> combiner =
            new Combiner<>(DATABASE, new SimpleMeterRegistry(), "things", 4, 100, _ -> 1, (tx, items) -> {
                var names = items.stream().map(Combiner.Item::value).toList();
                transactions.add(names);
                if (names.contains("first")) {
                    entered.countDown();
                    await(first);
                }
                var outcomes = new ArrayList<Outcome<String>>();
                var accepted = new ArrayList<String>();
                for (var name : names) {
                    if (name.startsWith("refused")) {
                        outcomes.add(Outcome.refused(
                                Failure.notFound(ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND, "%s is refused", name)
                                        .exception()));
                    } else {
                        accepted.add(name.equals("bad") ? null : name); // a name must not be null
                        outcomes.add(Outcome.of(name));
                    }
                }
                accepted.remove("first");
                tx.update(INSERT, (Object) accepted.toArray(String[]::new));
                return outcomes;
            });

    @Test
    void putsWhatComesMeanwhileIntoOneTransactionAndAnswersEachCallItsOwn() throws Exception {
        var calls = new ArrayList<CompletableFuture<String>>();
        var one = call("first");
        await(entered);
        for (int i = 0; i < 20; i++) {
            calls.add(call("together-" + i));
        }
        calls.add(call("refused-together"));

        first.countDown();

        assertThat(one.get(60, TimeUnit.SECONDS)).isEqualTo("first");
        for (int i = 0; i < 20; i++) {
            assertThat(calls.get(i).get(60, TimeUnit.SECONDS)).isEqualTo("together-" + i);
        }
        assertThatThrownBy(() -> calls.get(20).get(60, TimeUnit.SECONDS))
                .hasCauseInstanceOf(FailureException.class)
                .hasMessageContaining("refused-together is refused");
        assertThat(transactions).hasSize(2);
        assertThat(count("together-%")).isEqualTo(20);
        assertThat(count("refused-%")).isZero();
    }

    @Test
    void failsNobodyElseForOneCallThatSpoilsTheTransaction() throws Exception {
        var one = call("first");
        await(entered);
        var before = call("beside-1");
        var bad = call("bad");
        var after = call("beside-2");

        first.countDown();

        assertThat(before.get(60, TimeUnit.SECONDS)).isEqualTo("beside-1");
        assertThat(after.get(60, TimeUnit.SECONDS)).isEqualTo("beside-2");
        assertThatThrownBy(() -> bad.get(60, TimeUnit.SECONDS)).hasCauseInstanceOf(ConstraintViolation.class);
        assertThat(one.get(60, TimeUnit.SECONDS)).isEqualTo("first");
        assertThat(count("beside-%")).isEqualTo(2);
    }

    @Test
    void handsOverWhatACallComesToThatIsNotAnsweredWithAMessage() {
        assertThat(combiner.call(SELF, "handed over")).isEqualTo("handed over");
        assertThat(count("handed over")).isEqualTo(1);
        assertThatThrownBy(() -> combiner.call(SELF, "refused-by-hand"))
                .isInstanceOf(FailureException.class)
                .hasMessageContaining("refused-by-hand is refused");
        assertThatThrownBy(() -> combiner.call(SELF, "bad")).isInstanceOf(ConstraintViolation.class);
    }

    @Test
    void answersTheSameRequestOnceAndRefusesAnotherUnderItsId() throws Exception {
        var key = new IdempotencyKey("somebody", "things/Make", UUID.randomUUID(), new byte[] {1});
        var other = new IdempotencyKey("somebody", "things/Make", key.requestId(), new byte[] {2});
        var one = call("first");
        await(entered);
        var answers = new ArrayList<CompletableFuture<Answer<StringValue>>>();
        for (int i = 0; i < 3; i++) {
            answers.add(keyed("same-" + i, key));
        }
        var reused = keyed("same-other", other);

        first.countDown();

        var made = new ArrayList<String>();
        int stored = 0;
        for (var answer : answers) {
            var it = answer.get(60, TimeUnit.SECONDS);
            stored += it.stored() == null ? 0 : 1;
            made.add(text(it));
        }
        assertThat(stored).isEqualTo(2);
        assertThat(made).containsOnly(made.getFirst());
        assertThatThrownBy(() -> reused.get(60, TimeUnit.SECONDS))
                .hasMessageContaining(ErrorReason.ERROR_REASON_REQUEST_ID_REUSED.name());
        assertThat(count("same-%")).isEqualTo(1);
        assertThat(one.get(60, TimeUnit.SECONDS)).isEqualTo("first");
    }

    @Test
    void doesNothingForACallerWhoIsGoneAndLetsNobodyWaitLongerThanTheirDeadline() throws Exception {
        var one = call("first");
        await(entered);
        var gone = Context.current().withCancellation();
        var cancelled = CompletableFuture.supplyAsync(
                () -> inContext(gone, () -> make("gone", null)), Thread::startVirtualThread);
        var hurried = CompletableFuture.supplyAsync(
                () -> {
                    var timers = java.util.concurrent.Executors.newSingleThreadScheduledExecutor();
                    try (var late = Context.current().withDeadlineAfter(50, TimeUnit.MILLISECONDS, timers)) {
                        return inContext(late, () -> make("late", null));
                    } finally {
                        timers.shutdownNow();
                    }
                },
                Thread::startVirtualThread);
        assertThatThrownBy(() -> hurried.get(60, TimeUnit.SECONDS))
                .hasMessageContaining(ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED.name());
        gone.cancel(Status.CANCELLED.asException());

        first.countDown();

        assertThatThrownBy(() -> cancelled.get(60, TimeUnit.SECONDS))
                .isInstanceOfAny(ExecutionException.class, CancellationException.class);
        assertThat(one.get(60, TimeUnit.SECONDS)).isEqualTo("first");
        assertThat(count("gone")).isZero();
    }

    @Test
    void handsOverToAnotherWhatACallComesToThatNobodyWaitsForAnyMore() throws Exception {
        var late = new CompletableFuture<String>();
        var gone = Context.current().withCancellation();
        var call = started(() -> inContext(gone, () -> combiner.call(SELF, "first", late::complete)));
        await(entered);
        gone.cancel(Status.CANCELLED.asException());
        assertThatThrownBy(() -> call.get(60, TimeUnit.SECONDS))
                .isInstanceOfAny(ExecutionException.class, CancellationException.class);
        assertThat(late).isNotDone();

        first.countDown();

        assertThat(late.get(60, TimeUnit.SECONDS)).isEqualTo("first");
        var awaited = new CompletableFuture<String>();
        assertThat(combiner.call(SELF, "awaited", awaited::complete)).isEqualTo("awaited");
        assertThatThrownBy(() -> combiner.call(SELF, "refused", awaited::complete))
                .isInstanceOf(FailureException.class);
        assertThat(awaited).isNotDone();
    }

    private CompletableFuture<String> call(String name) throws InterruptedException {
        return started(() -> text(make(name, null)));
    }

    private CompletableFuture<Answer<StringValue>> keyed(String name, IdempotencyKey key) throws InterruptedException {
        return started(() -> make(name, key));
    }

    /** Returns when the call waits. */
    private <T> CompletableFuture<T> started(java.util.function.Supplier<T> call) throws InterruptedException {
        var future = new CompletableFuture<T>();
        var thread = Thread.ofPlatform().daemon().start(() -> {
            try {
                future.complete(call.get());
            } catch (RuntimeException failed) {
                future.completeExceptionally(failed);
            }
        });
        long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!future.isDone() && thread.getState() != Thread.State.TIMED_WAITING && System.nanoTime() < until) {
            TimeUnit.MILLISECONDS.sleep(1);
        }
        return future;
    }

    private Answer<StringValue> make(String name, IdempotencyKey key) {
        return combiner.call(SELF, name, key, StringValue::of, _ -> true);
    }

    private static String text(Answer<StringValue> answer) {
        try {
            return answer.fresh() != null
                    ? answer.fresh().getValue()
                    : StringValue.parseFrom(answer.stored()).getValue();
        } catch (InvalidProtocolBufferException broken) {
            throw new AssertionError(broken);
        }
    }

    private static <T> T inContext(Context context, java.util.concurrent.Callable<T> call) {
        try {
            return context.call(call);
        } catch (RuntimeException failed) {
            throw failed;
        } catch (Exception failed) {
            throw new AssertionError(failed);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private static long count(String like) {
        return DATABASE.queries()
                .find("SELECT count(*) AS n FROM things WHERE name LIKE $1::text", row -> row.getLong("n"), like)
                .orElseThrow();
    }
}
