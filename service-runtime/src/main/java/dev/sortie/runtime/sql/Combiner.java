package dev.sortie.runtime.sql;

import com.google.protobuf.Message;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Context;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Lets concurrent calls of one kind share transactions, so that one commit serves many of them. A call that comes while
 * no transaction is at work begins one at once: nobody is kept waiting when there is nobody to wait for. Those that come
 * meanwhile are the next one, all of them together; it begins a millisecond after the one before has come to its commit,
 * and does not wait for the disk.
 *
 * <p>Each call has its own outcome and its own idempotency. When a shared transaction fails for a reason that may be one
 * call's own, its calls are made again one by one, so that only that one fails.
 *
 * @param <D> what a call asks for
 * @param <R> what it comes to
 */
public final class Combiner<D, R> {
    private static final int MAX_CALLS = 512;
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);
    private static final Duration LINGER = Duration.ofMillis(1);

    private final Database database;
    private final String name;
    private final int atOnce;
    private final int maxWeight;
    private final ToIntFunction<? super D> weight;
    private final Operation<D, R> operation;
    private final DistributionSummary sizes;

    private final ReentrantLock lock = new ReentrantLock();
    private final ArrayDeque<Entry<D, R>> waiting = new ArrayDeque<>();
    private int working; // transactions that have not come to their commit
    private int running; // with those that are committing

    /** What is done for several calls in one transaction. */
    @FunctionalInterface
    public interface Operation<D, R> {
        /**
         * Operates. May be run more than once before one commit, and again for fewer of the items. What it throws
         * concerns all of them; nothing may be written for an item that it refuses.
         *
         * @return what each item came to, in their order
         */
        List<Outcome<R>> run(Tx tx, List<Item<D>> items);
    }

    /** What one call asks for, and on whose behalf. */
    public record Item<D>(Principal principal, D value) {}

    /**
     * What one call comes to: a value, or a failure of its own.
     *
     * @param value null when it failed
     */
    public record Outcome<R>(@Nullable R value, @Nullable RuntimeException failure) {
        public static <R> Outcome<R> of(R value) {
            return new Outcome<>(value, null);
        }

        public static <R> Outcome<R> refused(RuntimeException failure) {
            return new Outcome<>(null, failure);
        }
    }

    /**
     * An answer: one that is new, or the bytes of the one that was given to the same request before.
     *
     * @param fresh null when there is a stored one
     * @param stored null when there is a new one
     */
    public record Answer<P>(@Nullable P fresh, byte @Nullable [] stored) {}

    /**
     * Makes a combiner.
     *
     * @param name in metrics
     * @param atOnce how many transactions may be under way at a time, those that are committing included
     * @param maxWeight the most weight in one transaction; a single call may exceed it
     * @param weight how much a call adds to a transaction
     */
    public Combiner(
            Database database,
            MeterRegistry meters,
            String name,
            int atOnce,
            int maxWeight,
            ToIntFunction<? super D> weight,
            Operation<D, R> operation) {
        this.database = database;
        this.name = name;
        this.atOnce = atOnce;
        this.maxWeight = maxWeight;
        this.weight = weight;
        this.operation = operation;
        this.sizes = DistributionSummary.builder("sortie.combined.calls")
                .tag("operation", name)
                .register(meters);
    }

    /**
     * Makes a call and waits for what it comes to, at most until its deadline.
     *
     * @param key makes it safe to repeat; null for a call without request id
     * @param encode makes the message that is answered, and kept for the key
     * @param isKept whether a message is kept
     */
    public <P extends Message> Answer<P> call(
            Principal principal,
            D value,
            @Nullable IdempotencyKey key,
            Function<? super R, ? extends P> encode,
            Predicate<? super P> isKept) {
        var call = new Call<D, R, P>(new Item<>(principal, value), key, Context.current(), encode, isKept);
        await(call);
        return call.answer();
    }

    /** The same for one that is not to be answered with a message: hands over what it comes to. */
    public R call(Principal principal, D value) {
        var call = unencoded(principal, value);
        await(call);
        return call.outcome();
    }

    /**
     * The same for one whose outcome must not be lost when nobody waits for it any more: its time is up, its caller is
     * gone or its thread is to stop. Of such calls, the caller hears nothing, so whatever they come to goes elsewhere.
     *
     * @param late takes what it came to after that, if it was done; must not block
     */
    public R call(Principal principal, D value, Consumer<? super R> late) {
        var call = unencoded(principal, value);
        var entry = add(call);
        var awaited = entry.end.copy();
        Context.CancellationListener gone =
                _ -> awaited.completeExceptionally(new CancellationException("the caller is gone"));
        call.context.addListener(gone, Runnable::run);
        try {
            Entry.await(awaited);
        } catch (RuntimeException left) {
            var _ = entry.end.thenRun(() -> call.outcomeIfAny().ifPresent(late));
            throw left;
        } finally {
            call.context.removeListener(gone);
        }
        return call.outcome();
    }

    private Call<D, R, Message> unencoded(Principal principal, D value) {
        return new Call<>(
                new Item<>(principal, value),
                null,
                Context.current(),
                _ -> {
                    throw new IllegalStateException("not encoded");
                },
                _ -> false);
    }

    private void await(Call<D, R, ?> call) {
        Entry.await(add(call).end);
    }

    private Entry<D, R> add(Call<D, R, ?> call) {
        var entry = new Entry<>(call);
        lock.lock();
        try {
            waiting.add(entry);
            startIfDue();
        } finally {
            lock.unlock();
        }
        return entry;
    }

    /** Under the lock. */
    private void startIfDue() {
        if (working == 0 && running < atOnce && !waiting.isEmpty()) {
            working++;
            running++;
            // On a thread of its own, which no caller's deadline ends.
            Context.ROOT.run(() -> Thread.ofVirtual().name("combine-" + name).start(this::run));
        }
    }

    private void run() {
        var turn = new Turn();
        List<Entry<D, R>> batch;
        if (isBusy()) {
            LockSupport.parkNanos(LINGER.toNanos());
        }
        lock.lock();
        try {
            batch = next();
        } finally {
            lock.unlock();
        }
        try {
            if (!batch.isEmpty()) {
                sizes.record(batch.size());
                together(batch, turn);
            }
        } catch (Throwable failed) {
            batch.forEach(entry -> entry.failed(failed));
        } finally {
            turn.end();
        }
    }

    /** True while another is committing: those whom it answers may have their next calls here in a moment. */
    private boolean isBusy() {
        lock.lock();
        try {
            return running > 1;
        } finally {
            lock.unlock();
        }
    }

    /** A transaction's turn to be the one at work. */
    private final class Turn {
        private boolean over;

        /** Comes to its commit: it is the next one's turn. */
        void committing() {
            lock.lock();
            try {
                if (!over) {
                    over = true;
                    working--;
                    startIfDue();
                }
            } finally {
                lock.unlock();
            }
        }

        void end() {
            lock.lock();
            try {
                if (!over) {
                    over = true;
                    working--;
                }
                running--;
                startIfDue();
            } finally {
                lock.unlock();
            }
        }
    }

    /** The calls that have waited longest, as far as they fit; of equal requests, one at a time. */
    private List<Entry<D, R>> next() {
        var batch = new ArrayList<Entry<D, R>>();
        var later = new ArrayList<Entry<D, R>>();
        var requests = new HashSet<Object>();
        long weighed = 0;
        while (!waiting.isEmpty() && batch.size() < MAX_CALLS) {
            var entry = waiting.peek();
            if (entry.call.context.isCancelled()) {
                waiting.remove();
                entry.failed(new CancellationException("the caller is gone"));
                continue;
            }
            int adds = weight.applyAsInt(entry.call.item.value);
            if (!batch.isEmpty() && weighed + adds > maxWeight) {
                break;
            }
            waiting.remove();
            var key = entry.call.key;
            if (key != null && !requests.add(List.of(key.principal(), key.method(), key.requestId()))) {
                later.add(entry);
                continue;
            }
            weighed += adds;
            batch.add(entry);
        }
        for (int i = later.size() - 1; i >= 0; i--) {
            waiting.addFirst(later.get(i));
        }
        return batch;
    }

    private void together(List<Entry<D, R>> batch, Turn turn) {
        try {
            transact(batch, turn);
        } catch (RuntimeException failed) {
            // Whether a transaction was committed whose connection was lost, nobody knows: it is not made again.
            if (batch.size() == 1 || failed instanceof FailureException || SqlFailures.classify(failed) != null) {
                batch.forEach(entry -> entry.failed(failed));
                return;
            }
            for (var entry : batch) {
                try {
                    transact(List.of(entry), turn);
                } catch (RuntimeException own) {
                    entry.failed(own);
                }
            }
        }
    }

    private void transact(List<Entry<D, R>> batch, Turn turn) {
        Function<Tx, List<Runnable>> work = tx -> {
            var found = claim(tx, batch);
            var fresh = new ArrayList<Call<D, R, ?>>();
            var items = new ArrayList<Item<D>>();
            for (int i = 0; i < batch.size(); i++) {
                if (found.get(i) == null) {
                    fresh.add(batch.get(i).call);
                    items.add(batch.get(i).call.item);
                }
            }
            var outcomes = items.isEmpty() ? List.<Outcome<R>>of() : operation.run(tx, items);
            if (outcomes.size() != items.size()) {
                throw new IllegalStateException(
                        name + ": " + outcomes.size() + " outcomes of " + items.size() + " calls");
            }
            var keys = new ArrayList<IdempotencyKey>();
            var kept = new ArrayList<byte[]>();
            var done = new ArrayList<Runnable>();
            for (int i = 0; i < outcomes.size(); i++) {
                done.add(fresh.get(i).end(outcomes.get(i), keys, kept));
            }
            tx.answerAll(keys, kept);
            for (int i = 0; i < batch.size(); i++) {
                var earlier = found.get(i);
                if (earlier != null) {
                    var call = batch.get(i).call;
                    done.add(() -> call.repeated(earlier));
                }
            }
            return done;
        };
        database.transaction(work, turn::committing).forEach(Runnable::run);
        batch.forEach(Entry::done);
    }

    /** By call: what is known of its request; null when it is new, or has no key. */
    private List<Tx.@Nullable Earlier> claim(Tx tx, List<Entry<D, R>> batch) {
        var keys = new ArrayList<IdempotencyKey>();
        for (var entry : batch) {
            if (entry.call.key != null) {
                keys.add(entry.call.key);
            }
        }
        var found = new ArrayList<Tx.@Nullable Earlier>();
        var known = keys.isEmpty() ? List.<Tx.@Nullable Earlier>of() : tx.claimAll(keys);
        int next = 0;
        for (var entry : batch) {
            found.add(entry.call.key == null ? null : known.get(next++));
        }
        return found;
    }

    /** A call, with the types that only its caller knows. */
    private static final class Call<D, R, P extends Message> {
        private final Item<D> item;
        private final @Nullable IdempotencyKey key;
        private final Context context;
        private final Function<? super R, ? extends P> encode;
        private final Predicate<? super P> isKept;
        private @Nullable R value;
        private @Nullable P message;
        private byte @Nullable [] stored;
        private @Nullable RuntimeException refusal;

        Call(
                Item<D> item,
                @Nullable IdempotencyKey key,
                Context context,
                Function<? super R, ? extends P> encode,
                Predicate<? super P> isKept) {
            this.item = item;
            this.key = key;
            this.context = context;
            this.encode = encode;
            this.isKept = isKept;
        }

        /** Within the transaction; what is returned runs after its commit. */
        Runnable end(Outcome<R> outcome, List<IdempotencyKey> keys, List<byte[]> kept) {
            var failure = outcome.failure();
            if (failure != null) {
                return () -> refusal = failure;
            }
            if (key == null) {
                return () -> value = outcome.value();
            }
            P encoded = encode(outcome.value());
            if (isKept.test(encoded)) {
                keys.add(key);
                kept.add(encoded.toByteArray());
            }
            return () -> message = encoded;
        }

        void repeated(Tx.Earlier earlier) {
            stored = earlier.response();
            refusal = earlier.refusal();
        }

        /** On the caller's thread, once the entry is done. */
        Answer<P> answer() {
            if (refusal != null) {
                throw refusal;
            }
            if (stored != null) {
                return new Answer<>(null, stored);
            }
            return new Answer<>(message != null ? message : encode.apply(value()), null);
        }

        /** The same of a call that is not answered with a message. */
        R outcome() {
            if (refusal != null) {
                throw refusal;
            }
            return value();
        }

        Optional<R> outcomeIfAny() {
            return Optional.ofNullable(value);
        }

        private R value() {
            if (value == null) {
                throw new IllegalStateException("a call came to nothing");
            }
            return value;
        }

        private P encode(@Nullable R made) {
            if (made == null) {
                throw new IllegalStateException("a call came to nothing");
            }
            Callable<P> encoding = () -> encode.apply(made);
            try {
                return context.call(encoding); // what it says of the call is the caller's
            } catch (RuntimeException failed) {
                throw failed;
            } catch (Exception impossible) {
                throw new IllegalStateException(impossible);
            }
        }
    }

    /** A call that waits. */
    private static final class Entry<D, R> {
        private final Call<D, R, ?> call;
        private final CompletableFuture<Boolean> end = new CompletableFuture<>();

        Entry(Call<D, R, ?> call) {
            this.call = call;
        }

        void done() {
            end.complete(true);
        }

        void failed(Throwable failure) {
            end.completeExceptionally(failure);
        }

        static void await(CompletableFuture<Boolean> end) {
            var deadline = Context.current().getDeadline();
            long left = LONGEST_WAIT.toNanos();
            if (deadline != null) {
                left = Math.min(left, Math.max(0, deadline.timeRemaining(TimeUnit.NANOSECONDS)));
            }
            try {
                end.get(left, TimeUnit.NANOSECONDS);
            } catch (TimeoutException late) {
                throw new FailureException(
                        Failure.deadlineExceeded(
                                ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
                                "the call's time ran out in the database; whether it was done is not known"),
                        late);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new CancellationException("the server stops");
            } catch (ExecutionException failed) {
                if (failed.getCause() instanceof RuntimeException unchecked) {
                    throw unchecked;
                }
                throw new IllegalStateException(failed.getCause());
            }
        }
    }
}
