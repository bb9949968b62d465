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
import java.util.concurrent.ScheduledThreadPoolExecutor;
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
        try {
            return new Ending<>(Contexts.interceptCall(context, call, headers, next), context);
        } catch (Throwable refused) { // nobody will end what has not begun
            context.cancel(null);
            throw refused;
        }
    }

    /** For deadlines: nearly all of them are taken back long before they are due, and are then forgotten. */
    static ScheduledThreadPoolExecutor timer() {
        var timer = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("rpc-deadlines").factory());
        timer.setRemoveOnCancelPolicy(true);
        return timer;
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
