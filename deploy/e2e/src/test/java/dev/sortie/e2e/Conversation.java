package dev.sortie.e2e;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.protobuf.DynamicMessage;
import io.grpc.ClientCall;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A bidirectional stream: what came on it waits here until somebody takes it. */
final class Conversation implements StreamObserver<DynamicMessage>, AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(90);

    private final Function<JsonElement, DynamicMessage> parse;
    private final Function<DynamicMessage, JsonElement> print;
    private final List<JsonElement> messages = new ArrayList<>();
    private @Nullable Outcome end;
    private @Nullable ClientCall<DynamicMessage, DynamicMessage> call;
    private @Nullable StreamObserver<DynamicMessage> sender;

    Conversation(Function<JsonElement, DynamicMessage> parse, Function<DynamicMessage, JsonElement> print) {
        this.parse = parse;
        this.print = print;
    }

    void begin(ClientCall<DynamicMessage, DynamicMessage> stream) {
        call = stream;
        sender = ClientCalls.asyncBidiStreamingCall(stream, this);
    }

    void say(JsonElement message) {
        Objects.requireNonNull(sender).onNext(parse.apply(message));
    }

    /** Says nothing more. */
    void halfClose() {
        Objects.requireNonNull(sender).onCompleted();
    }

    /** Takes the first message that is as it should be, after waiting for it. */
    JsonElement take(String what, Predicate<JsonElement> isRight) {
        return await(what, () -> {
            var found = messages.stream().filter(isRight).findFirst().orElse(null);
            if (found != null) {
                messages.remove(found);
            } else if (end != null) {
                throw new AssertionError(what + " does not come: the stream has ended, " + end);
            }
            return found;
        });
    }

    /** How the stream ended, after waiting for it. */
    Outcome end() {
        return await("the end", () -> end);
    }

    private synchronized <T> T await(String what, Supplier<@Nullable T> find) {
        long late = System.nanoTime() + PATIENCE.toNanos();
        try {
            for (var found = find.get(); ; found = find.get()) {
                if (found != null) {
                    return found;
                }
                long left = Duration.ofNanos(late - System.nanoTime()).toMillis();
                if (left <= 0) {
                    throw new AssertionError(what + " does not come; waiting are " + messages);
                }
                wait(left);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    @Override
    public synchronized void onNext(DynamicMessage message) {
        messages.add(print.apply(message));
        notifyAll();
    }

    @Override
    public void onError(Throwable failure) {
        over(Outcome.of(
                failure instanceof StatusRuntimeException known
                        ? known
                        : Status.fromThrowable(failure).asRuntimeException()));
    }

    @Override
    public void onCompleted() {
        over(Outcome.of(JsonNull.INSTANCE));
    }

    private synchronized void over(Outcome outcome) {
        end = outcome;
        notifyAll();
    }

    /** Cuts it off, as a broken connection does. */
    @Override
    public void close() {
        Objects.requireNonNull(call).cancel("cut off", null);
    }
}
