package dev.sortie.runtime.grpc;

import io.grpc.Context;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Gives each call its correlation id and, when it ends, a measurement and a line in the log. Neither requests nor
 * metadata are ever logged.
 */
final class ObservationInterceptor implements ServerInterceptor {
    private static final Logger LOG = LoggerFactory.getLogger("dev.sortie.rpc");
    private static final Duration[] BUCKETS = {
        Duration.ofMillis(1),
        Duration.ofMillis(5),
        Duration.ofMillis(10),
        Duration.ofMillis(25),
        Duration.ofMillis(50),
        Duration.ofMillis(100),
        Duration.ofMillis(250),
        Duration.ofSeconds(1),
        Duration.ofSeconds(5)
    };

    private final MeterRegistry meters;
    private final ConcurrentHashMap<String, Timer[]> timers = new ConcurrentHashMap<>();

    ObservationInterceptor(MeterRegistry meters) {
        this.meters = meters;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        var state = new CallContext(headers.get(CallContext.CORRELATION_ID), call.getMethodDescriptor());
        state.calledFrom(call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR), forwardedFor(headers));
        var context = Context.current().withValue(CallContext.KEY, state);
        var observed = new ObservedCall<>(call, state);
        var previous = context.attach();
        try {
            return new ObservedListener<>(next.startCall(observed, headers), observed, context);
        } finally {
            context.detach(previous);
        }
    }

    /** A proxy may add an entry of its own to the one it got. */
    private static @Nullable String forwardedFor(Metadata headers) {
        var entries = headers.getAll(CallContext.FORWARDED_FOR);
        return entries == null ? null : String.join(",", entries);
    }

    private Timer timer(String method, Status.Code code) {
        var ofMethod = timers.computeIfAbsent(method, _ -> new Timer[Status.Code.values().length]);
        var timer = ofMethod[code.value()];
        if (timer == null) {
            timer = Timer.builder("sortie.rpc")
                    .tag("method", method)
                    .tag("code", code.name())
                    .serviceLevelObjectives(BUCKETS)
                    .register(meters);
            ofMethod[code.value()] = timer; // a race registers the same one twice, which is harmless
        }
        return timer;
    }

    private final class ObservedCall<Q, P> extends SimpleForwardingServerCall<Q, P> {
        private final CallContext state;
        private final long begin = System.nanoTime();
        private boolean headersSent;
        private boolean ended;

        ObservedCall(ServerCall<Q, P> call, CallContext state) {
            super(call);
            this.state = state;
        }

        @Override
        public boolean isReady() {
            return delegate().isReady();
        }

        @Override
        public void sendHeaders(Metadata headers) {
            headersSent = true;
            headers.put(CallContext.CORRELATION_ID, state.id());
            super.sendHeaders(headers);
        }

        @Override
        public void close(Status status, Metadata trailers) {
            if (!headersSent) {
                trailers.put(CallContext.CORRELATION_ID, state.id());
            }
            end(status);
            super.close(status, trailers);
        }

        void end(Status status) {
            if (ended) {
                return;
            }
            ended = true;
            long took = System.nanoTime() - begin;
            var method = state.method().getFullMethodName();
            timer(method, status.getCode()).record(took, java.util.concurrent.TimeUnit.NANOSECONDS);
            if (status.isOk() && !LOG.isDebugEnabled()) {
                return;
            }
            boolean marked = MDC.get("rpc") != null;
            if (!marked) {
                logFields(state);
            }
            log(status, method, took);
            if (!marked) {
                MDC.clear();
            }
        }

        private void log(Status status, String method, long took) {
            switch (status.getCode()) {
                case OK -> LOG.debug("{} OK in {} µs", method, took / 1_000);
                case UNKNOWN, INTERNAL, DATA_LOSS ->
                    LOG.error("{} {} in {} µs", method, status.getCode(), took / 1_000, status.getCause());
                case UNAVAILABLE, RESOURCE_EXHAUSTED ->
                    LOG.warn("{} {} in {} µs: {}", method, status.getCode(), took / 1_000, status.getDescription());
                default ->
                    LOG.info("{} {} in {} µs: {}", method, status.getCode(), took / 1_000, status.getDescription());
            }
        }
    }

    /** Runs every callback with the call's context, and the ones that run application code with its log fields. */
    private static final class ObservedListener<Q> extends SimpleForwardingServerCallListener<Q> {
        private final ObservationInterceptor.ObservedCall<Q, ?> call;
        private final Context context;
        private final boolean isStreamed;

        ObservedListener(
                ServerCall.Listener<Q> delegate, ObservationInterceptor.ObservedCall<Q, ?> call, Context context) {
            super(delegate);
            this.call = call;
            this.context = context;
            this.isStreamed = !call.getMethodDescriptor().getType().clientSendsOneMessage();
        }

        @Override
        public void onMessage(Q message) {
            inContext(isStreamed, () -> delegate().onMessage(message));
        }

        @Override
        public void onHalfClose() {
            inContext(true, () -> delegate().onHalfClose());
        }

        @Override
        public void onReady() {
            inContext(false, () -> delegate().onReady());
        }

        @Override
        public void onCancel() {
            call.end(Status.CANCELLED);
            inContext(false, () -> delegate().onCancel());
        }

        @Override
        public void onComplete() {
            inContext(false, () -> delegate().onComplete());
        }

        private void inContext(boolean runsService, Runnable callback) {
            var previous = context.attach();
            if (runsService) {
                logFields(call.state);
            }
            try {
                callback.run();
            } finally {
                if (runsService) {
                    MDC.clear();
                }
                context.detach(previous);
            }
        }
    }

    /** Sets the log fields of a thread that works for a call. */
    static void logFields(@Nullable CallContext call) {
        if (call != null) {
            MDC.put("correlation_id", call.id());
            MDC.put("rpc", call.method().getFullMethodName());
            MDC.put("principal", call.caller().actor());
        }
    }
}
