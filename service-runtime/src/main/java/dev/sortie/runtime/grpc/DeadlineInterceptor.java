package dev.sortie.runtime.grpc;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Gives an ordinary call whose caller set no deadline one, so that nothing waits for ever. */
final class DeadlineInterceptor implements ServerInterceptor {
    private final Duration defaultDeadline;
    private final ScheduledExecutorService timer;

    DeadlineInterceptor(Duration defaultDeadline, ScheduledExecutorService timer) {
        this.defaultDeadline = defaultDeadline;
        this.timer = timer;
    }

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        if (call.getMethodDescriptor().getType() != MethodDescriptor.MethodType.UNARY
                || Context.current().getDeadline() != null) {
            return next.startCall(call, headers);
        }
        var context = Context.current().withDeadlineAfter(defaultDeadline.toNanos(), TimeUnit.NANOSECONDS, timer);
        var listener = Contexts.interceptCall(context, call, headers, next);
        return new Ending<>(listener, context);
    }

    private static final class Ending<Q>
            extends io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener<Q> {
        private final Context.CancellableContext context;

        Ending(ServerCall.Listener<Q> delegate, Context.CancellableContext context) {
            super(delegate);
            this.context = context;
        }

        @Override
        public void onCancel() {
            super.onCancel();
            context.cancel(null);
        }

        @Override
        public void onComplete() {
            super.onComplete();
            context.cancel(null);
        }
    }
}
