package dev.sortie.runtime.grpc;

import dev.sortie.runtime.failure.FailureStatuses;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/** Whatever an interceptor below, a service method or a stream throws ends the call as {@link FailureStatuses} says. */
final class FailureInterceptor implements ServerInterceptor {
    private final FailureStatuses statuses;

    FailureInterceptor(FailureStatuses statuses) {
        this.statuses = statuses;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        var guarded = new GuardedCall<>(call);
        try {
            return new GuardedListener<>(next.startCall(guarded, headers), guarded);
        } catch (Throwable thrown) {
            guarded.fail(thrown);
            return new ServerCall.Listener<>() {};
        }
    }

    /** For a stub's {@code onError}, which would pass what another service answered on to the caller as it is. */
    static Throwable unclassified(Throwable thrown) {
        return thrown instanceof StatusRuntimeException
                ? Status.UNKNOWN.withCause(thrown).asRuntimeException()
                : thrown;
    }

    private final class GuardedCall<Q, P> extends SimpleForwardingServerCall<Q, P> {
        private boolean closed;

        GuardedCall(ServerCall<Q, P> call) {
            super(call);
        }

        @Override
        public boolean isReady() {
            return delegate().isReady();
        }

        // A stream may be ended while its service sends: one after the other.

        @Override
        public synchronized void sendHeaders(Metadata headers) {
            super.sendHeaders(headers);
        }

        @Override
        public synchronized void sendMessage(P message) {
            super.sendMessage(message);
        }

        /** A stub's {@code onError} arrives here with what it was given as the cause. */
        @Override
        public synchronized void close(Status status, Metadata trailers) {
            if (closed) {
                return;
            }
            var cause = status.getCause();
            if (status.getCode() == Status.Code.UNKNOWN && cause != null) {
                fail(cause);
                return;
            }
            closed = true;
            super.close(status, trailers);
        }

        synchronized void fail(Throwable thrown) {
            if (closed) {
                return;
            }
            closed = true;
            if (isCancelled()) {
                super.close(Status.CANCELLED, new Metadata());
                return;
            }
            var closing = statuses.closing(thrown, CallContext.correlationId());
            super.close(closing.expected() ? closing.status() : closing.status().withCause(thrown), closing.trailers());
        }

        synchronized boolean isClosed() {
            return closed;
        }
    }

    private static final class GuardedListener<Q> extends ServerCall.Listener<Q> {
        private final ServerCall.Listener<Q> delegate;
        private final FailureInterceptor.GuardedCall<Q, ?> call;

        GuardedListener(ServerCall.Listener<Q> delegate, FailureInterceptor.GuardedCall<Q, ?> call) {
            this.delegate = delegate;
            this.call = call;
        }

        @Override
        public void onMessage(Q message) {
            if (!call.isClosed()) {
                guard(() -> delegate.onMessage(message));
            }
        }

        @Override
        public void onHalfClose() {
            if (!call.isClosed()) {
                guard(delegate::onHalfClose);
            }
        }

        @Override
        public void onReady() {
            guard(delegate::onReady);
        }

        @Override
        public void onCancel() {
            guard(delegate::onCancel);
        }

        @Override
        public void onComplete() {
            guard(delegate::onComplete);
        }

        private void guard(Runnable callback) {
            try {
                callback.run();
            } catch (Throwable thrown) {
                call.fail(thrown);
                if (thrown instanceof VirtualMachineError error) {
                    throw error;
                }
            }
        }
    }
}
