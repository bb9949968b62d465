package dev.sortie.runtime.grpc;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** Refuses calls beyond what the server takes in hand, before they cost memory or wait for the database. */
final class LimitInterceptor implements ServerInterceptor {
    private static final Duration RETRY_AFTER = Duration.ofMillis(200);

    private final Limit calls;
    private final Limit streams;

    LimitInterceptor(ServerSettings settings, MeterRegistry meters) {
        this.calls = new Limit("in_flight_calls", settings.maxCalls());
        this.streams = new Limit("open_streams", settings.maxStreams());
        Gauge.builder("sortie.rpc.calls", calls.taken, AtomicInteger::get).register(meters);
        Gauge.builder("sortie.rpc.streams", streams.taken, AtomicInteger::get).register(meters);
    }

    private record Limit(String name, int maximum, AtomicInteger taken) {
        Limit(String name, int maximum) {
            this(name, maximum, new AtomicInteger());
        }

        void take() {
            if (taken.incrementAndGet() > maximum) {
                taken.decrementAndGet();
                throw Failure.resourceExhausted(
                                ErrorReason.ERROR_REASON_OVERLOADED,
                                RETRY_AFTER,
                                "the server has as many calls in hand as it takes (%d); try again",
                                maximum)
                        .with("limit", name)
                        .exception();
            }
        }
    }

    /**
     * The place that a call takes. One that waits for something takes the place of a stream meanwhile: it costs little
     * more than its connection, and must not keep others out.
     */
    static final class Place {
        static final Context.Key<Place> KEY = Context.key("sortie-place");

        private final Limit calls;
        private final Limit waiting;
        private boolean isWaiting;
        private boolean given;

        private Place(Limit calls, Limit waiting) {
            this.calls = calls;
            this.waiting = waiting;
        }

        /** Goes to the other kind of place; stays where it is when there is no room there. */
        synchronized void await() {
            if (!given && !isWaiting && waiting.taken.incrementAndGet() > waiting.maximum) {
                waiting.taken.decrementAndGet();
            } else if (!given && !isWaiting) {
                calls.taken.decrementAndGet();
                isWaiting = true;
            }
        }

        /** Comes back, whether there is room or not: what was begun is finished. */
        synchronized void goOn() {
            if (!given && isWaiting) {
                waiting.taken.decrementAndGet();
                calls.taken.incrementAndGet();
                isWaiting = false;
            }
        }

        private synchronized void give() {
            if (!given) {
                given = true;
                (isWaiting ? waiting : calls).taken.decrementAndGet();
            }
        }
    }

    /** True when no call is in hand. */
    boolean isIdle() {
        return calls.taken.get() == 0 && streams.taken.get() == 0;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        if (AccessRules.isOfServer(call.getMethodDescriptor())) {
            return next.startCall(call, headers); // probes are answered all the more when there is much to do
        }
        var limit = call.getMethodDescriptor().getType() == MethodDescriptor.MethodType.UNARY ? calls : streams;
        limit.take();
        var place = new Place(limit, streams);
        try {
            var inPlace = Context.current().withValue(Place.KEY, place);
            return new Releasing<>(Contexts.interceptCall(inPlace, call, headers, next), place);
        } catch (Throwable failed) {
            place.give();
            throw failed;
        }
    }

    /** Every call ends with exactly one of onCancel and onComplete. */
    private static final class Releasing<Q> extends SimpleForwardingServerCallListener<Q> {
        private final Place place;

        Releasing(ServerCall.Listener<Q> delegate, Place place) {
            super(delegate);
            this.place = place;
        }

        @Override
        public void onCancel() {
            place.give();
            super.onCancel();
        }

        @Override
        public void onComplete() {
            place.give();
            super.onComplete();
        }
    }
}
