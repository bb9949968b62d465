package dev.sortie.runtime.grpc;

import dev.sortie.runtime.identity.Principal;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** What is known of the call that this thread works for. Travels in {@link Context}. */
public final class CallContext {
    /** Ties together what one request causes everywhere; accepted from callers and always returned to them. */
    public static final Metadata.Key<String> CORRELATION_ID =
            Metadata.Key.of("x-correlation-id", Metadata.ASCII_STRING_MARSHALLER);
    /** On whose behalf a service calls: a user id. */
    public static final Metadata.Key<String> ACTING_FOR =
            Metadata.Key.of("sortie-acting-for", Metadata.ASCII_STRING_MARSHALLER);
    /** {@code Bearer <token>}. */
    public static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    /** Whom a proxy speaks for: addresses, the nearest one last. */
    static final Metadata.Key<String> FORWARDED_FOR =
            Metadata.Key.of("x-forwarded-for", Metadata.ASCII_STRING_MARSHALLER);

    static final Context.Key<CallContext> KEY = Context.key("sortie-call");
    private static final Principal ANONYMOUS = Principal.anonymous();
    private static final HexFormat HEX = HexFormat.of();

    private final String correlationId;
    private volatile MethodDescriptor<?, ?> method;
    private volatile Principal principal = ANONYMOUS;
    private volatile @Nullable InetAddress peer;
    private volatile @Nullable String forwardedFor;

    /** Where the call that this thread works for comes from: the other end of the connection; null where there is none. */
    public static @Nullable InetAddress peer() {
        var call = KEY.get();
        return call == null ? null : call.peer;
    }

    /** What the other end says about whom it speaks for; null when it says nothing. To be believed of proxies only. */
    public static @Nullable String forwardedFor() {
        var call = KEY.get();
        return call == null ? null : call.forwardedFor;
    }

    CallContext(@Nullable String correlationId, MethodDescriptor<?, ?> method) {
        this.correlationId = correlationId != null && isAcceptable(correlationId) ? correlationId : newCorrelationId();
        this.method = method;
    }

    /** The call that this thread works for; null in background work. */
    static @Nullable CallContext current() {
        return KEY.get();
    }

    /** Who made the call that this thread works for; anonymous where there is none. */
    public static Principal principal() {
        var call = KEY.get();
        return call == null ? ANONYMOUS : call.principal;
    }

    /** The correlation id of the call that this thread works for; a new one where there is none. */
    public static String correlationId() {
        var call = KEY.get();
        return call == null ? newCorrelationId() : call.correlationId;
    }

    /**
     * Waits for something that may be long in coming. Meanwhile the call does not count among those that the server
     * takes in hand (SORTIE_MAX_CALLS) but among its streams, as far as there is room.
     */
    public static <T extends @Nullable Object> T whileWaiting(Waiting<T> wait) throws InterruptedException {
        var place = LimitInterceptor.Place.KEY.get();
        if (place == null) {
            return wait.await();
        }
        place.await();
        try {
            return wait.await();
        } finally {
            place.goOn();
        }
    }

    /** What a call waits for. */
    @FunctionalInterface
    public interface Waiting<T extends @Nullable Object> {
        T await() throws InterruptedException;
    }

    String id() {
        return correlationId;
    }

    MethodDescriptor<?, ?> method() {
        return method;
    }

    Principal caller() {
        return principal;
    }

    void calledFrom(@Nullable SocketAddress address, @Nullable String forwarded) {
        peer = address instanceof InetSocketAddress socket ? socket.getAddress() : null;
        forwardedFor = forwarded;
    }

    void authenticated(Principal caller) {
        principal = caller;
    }

    /** From here on, messages are not bytes any more but of the method's types. */
    void parsed(MethodDescriptor<?, ?> typed) {
        method = typed;
    }

    private static String newCorrelationId() {
        return HEX.toHexDigits(ThreadLocalRandom.current().nextLong());
    }

    private static boolean isAcceptable(String id) {
        if (id.isEmpty() || id.length() > 64) {
            return false;
        }
        for (int i = 0; i < id.length(); i++) {
            char c = id.charAt(i);
            if (!(Character.isLetterOrDigit(c) && c < 128) && c != '-' && c != '_' && c != '.') {
                return false; // it goes to logs
            }
        }
        return true;
    }
}
