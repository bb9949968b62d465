package dev.sortie.runtime.grpc;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.IdempotencyKey;
import dev.sortie.runtime.sql.Isolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Makes a service method one line: decode the request, operate, encode the response. What any of the three throws ends
 * the call; nothing here is caught.
 *
 * <pre>{@code
 * public void getHop(GetHopRequest request, StreamObserver<GetHopResponse> observer) {
 *     replies.read(request, observer, r -> uuid(r.getHopId()), hops::get, HopProtos::toGetResponse);
 * }
 * public void startHop(StartHopRequest request, StreamObserver<StartHopResponse> observer) {
 *     replies.write(request, observer, HopProtos::toMove, hops::start, HopProtos::toStartResponse);
 * }
 * }</pre>
 */
public final class Replies {
    private final Database database;
    private final Drain drain;
    private final ConcurrentHashMap<Descriptor, Optional<FieldDescriptor>> requestIds = new ConcurrentHashMap<>();

    public Replies(Database database, Drain drain) {
        this.database = database;
        this.drain = drain;
    }

    /** Answers from single statements, outside of any transaction. Also for a write that is one statement and needs none. */
    public <Q, D, R extends @Nullable Object, P> void read(
            Q request,
            StreamObserver<P> observer,
            Function<? super Q, ? extends D> decode,
            BiFunction<? super Queries, ? super D, ? extends R> operate,
            Function<? super R, ? extends P> encode) {
        D decoded = decode.apply(request);
        reply(observer, encode.apply(operate.apply(database.queries(CallContext.principal()), decoded)));
    }

    /** Answers without the database of its own accord: what the operation does is its own affair. */
    public <Q, D, R extends @Nullable Object, P> void call(
            Q request,
            StreamObserver<P> observer,
            Function<? super Q, ? extends D> decode,
            BiFunction<? super Principal, ? super D, ? extends R> operate,
            Function<? super R, ? extends P> encode) {
        D decoded = decode.apply(request);
        reply(observer, encode.apply(operate.apply(CallContext.principal(), decoded)));
    }

    /**
     * Operates in one transaction, and at most once for each {@code request_id} of a caller: the same request again is
     * answered with the first response and {@code replayed = true}. The operation may run more than once before one
     * commit (see {@link Database#transaction(Principal, Isolation, Function)}).
     */
    public <Q extends Message, D, R extends @Nullable Object, P extends Message> void write(
            Q request,
            StreamObserver<P> observer,
            Function<? super Q, ? extends D> decode,
            BiFunction<? super Tx, ? super D, ? extends R> operate,
            Function<? super R, ? extends P> encode) {
        write(Isolation.READ_COMMITTED, request, observer, decode, operate, encode);
    }

    /** As {@link #write(Message, StreamObserver, Function, BiFunction, Function)}, at a given isolation. */
    public <Q extends Message, D, R extends @Nullable Object, P extends Message> void write(
            Isolation isolation,
            Q request,
            StreamObserver<P> observer,
            Function<? super Q, ? extends D> decode,
            BiFunction<? super Tx, ? super D, ? extends R> operate,
            Function<? super R, ? extends P> encode) {
        D decoded = decode.apply(request);
        reply(observer, transact(isolation, request, tx -> encode.apply(operate.apply(tx, decoded)), _ -> true));
    }

    /**
     * Operates as {@link #write(Message, StreamObserver, Function, BiFunction, Function)} does, and hands the response
     * over instead of sending it: for calls that may have to try more than once, such as long polls.
     *
     * @param isKept whether a response is kept for when the request is made again; what is not kept is done anew
     */
    public <Q extends Message, P extends Message> P transact(
            Q request, Function<? super Tx, ? extends P> operate, Predicate<? super P> isKept) {
        return transact(Isolation.READ_COMMITTED, request, operate, isKept);
    }

    private <Q extends Message, P extends Message> P transact(
            Isolation isolation, Q request, Function<? super Tx, ? extends P> operate, Predicate<? super P> isKept) {
        var principal = CallContext.principal();
        var key = key(request, principal);
        return database.transaction(principal, isolation, tx -> {
            if (key != null) {
                var earlier = tx.claim(key);
                if (earlier.isPresent()) {
                    return this.<P>replay(earlier.get());
                }
            }
            P answer = operate.apply(tx);
            if (key != null && isKept.test(answer)) {
                tx.answer(key, answer.toByteArray());
            }
            return answer;
        });
    }

    /**
     * Operates as {@link #write(Message, StreamObserver, Function, BiFunction, Function)} does, in a transaction that
     * concurrent calls share.
     */
    public <Q extends Message, D, R, P extends Message> void combine(
            Q request,
            StreamObserver<P> observer,
            Function<? super Q, ? extends D> decode,
            Combiner<D, R> combiner,
            Function<? super R, ? extends P> encode) {
        D decoded = decode.apply(request);
        reply(observer, combine(request, decoded, combiner, encode, _ -> true));
    }

    /** The same as {@link #transact(Message, Function, Predicate)}, in a transaction that concurrent calls share. */
    public <Q extends Message, D, R, P extends Message> P combine(
            Q request,
            D decoded,
            Combiner<D, R> combiner,
            Function<? super R, ? extends P> encode,
            Predicate<? super P> isKept) {
        var principal = CallContext.principal();
        Combiner.Answer<P> answer = combiner.call(principal, decoded, key(request, principal), encode, isKept);
        var stored = answer.stored();
        return stored == null ? Objects.requireNonNull(answer.fresh()) : this.<P>replay(stored);
    }

    /**
     * Answers with a stream, written by a virtual thread of its own. Decoding happens before.
     *
     * @param send sends until it returns; waits while the receiver is slow; is interrupted when the server stops
     */
    public <Q, D, P> void stream(
            Q request,
            StreamObserver<P> observer,
            Function<? super Q, ? extends D> decode,
            StreamOperation<? super D, P> send) {
        D decoded = decode.apply(request);
        ServerStream.start((ServerCallStreamObserver<P>) observer, drain, stream -> send.run(decoded, stream));
    }

    /** Sends the answers to a decoded request. */
    @FunctionalInterface
    public interface StreamOperation<D, P> {
        /** Sends until there is nothing more to send. */
        void run(D decoded, ServerStream<P> stream) throws InterruptedException;
    }

    /**
     * Answers once to a stream of requests, received by a virtual thread of its own.
     *
     * @param receive reads the messages until there are no more (null) and makes the response; it may answer earlier
     */
    public <Q, P> StreamObserver<Q> receive(StreamObserver<P> observer, Function<ClientStream<Q>, P> receive) {
        return ClientStream.start((ServerCallStreamObserver<P>) observer, ClientStream.AHEAD, null, receive);
    }

    /**
     * The same for a stream that may take long: it ends with UNAVAILABLE when the server stops, its thread interrupted.
     *
     * @param ahead how many messages to have in memory
     */
    public <Q, P> StreamObserver<Q> receiveLong(
            StreamObserver<P> observer, int ahead, Function<ClientStream<Q>, P> receive) {
        return ClientStream.start((ServerCallStreamObserver<P>) observer, ahead, drain, receive);
    }

    private static <P> void reply(StreamObserver<P> observer, P response) {
        observer.onNext(response);
        observer.onCompleted();
    }

    private @Nullable IdempotencyKey key(Message request, Principal principal) {
        var field = requestIds.computeIfAbsent(
                request.getDescriptorForType(), type -> Optional.ofNullable(type.findFieldByName("request_id")));
        if (field.isEmpty()) {
            return null;
        }
        var id = (String) request.getField(field.get());
        if (id.isEmpty()) {
            return null;
        }
        try {
            return new IdempotencyKey(
                    principal.actor(),
                    method().getFullMethodName(),
                    UUID.fromString(id),
                    hash(comparable(request, field.get())));
        } catch (IllegalArgumentException _) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID, "request_id", "not a UUID (expected: a UUID)")
                    .exception();
        }
    }

    /** Without its id, and without secrets: a fast hash of a password would undo what its slow one is for. */
    private static Message comparable(Message request, FieldDescriptor requestId) {
        var comparable = request.toBuilder().clearField(requestId);
        request.getAllFields().keySet().stream()
                .filter(field -> field.getOptions().getDebugRedact())
                .forEach(comparable::clearField);
        return comparable.build();
    }

    private static byte[] hash(Message request) {
        try {
            var bytes = new byte[request.getSerializedSize()];
            var output = CodedOutputStream.newInstance(bytes);
            output.useDeterministicSerialization(); // maps have no order of their own
            request.writeTo(output);
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (IOException | NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"
    }) // the key holds the method, so what was stored is of the method's response type
    private <P extends Message> P replay(byte[] stored) {
        if (!(method().getResponseMarshaller() instanceof MethodDescriptor.PrototypeMarshaller<?> marshaller)
                || !(marshaller.getMessagePrototype() instanceof Message prototype)) {
            throw new IllegalStateException(method().getFullMethodName() + " has no protobuf response");
        }
        try {
            var builder = prototype.newBuilderForType().mergeFrom(stored);
            var replayed = builder.getDescriptorForType().findFieldByName("replayed");
            if (replayed != null) {
                builder.setField(replayed, true);
            }
            return (P) builder.build();
        } catch (InvalidProtocolBufferException broken) {
            throw new IllegalStateException("a stored response cannot be read", broken);
        }
    }

    private static MethodDescriptor<?, ?> method() {
        var call = CallContext.current();
        if (call == null) {
            throw new IllegalStateException("outside of a call");
        }
        return call.method();
    }
}
