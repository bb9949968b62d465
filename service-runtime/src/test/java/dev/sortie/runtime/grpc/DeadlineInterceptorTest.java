package dev.sortie.runtime.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import java.time.Duration;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class DeadlineInterceptorTest {
    @AutoClose
    final ScheduledThreadPoolExecutor timer = DeadlineInterceptor.timer();

    private final DeadlineInterceptor interceptor = new DeadlineInterceptor(Duration.ofMinutes(5), timer);

    @Test
    void givesACallADeadlineAndForgetsItWithTheCall() {
        for (int i = 0; i < 100; i++) {
            var listener = interceptor.interceptCall(new Call(), new Metadata(), (_, _) -> {
                assertThat(Context.current().getDeadline()).isNotNull();
                return new ServerCall.Listener<>() {};
            });
            assertThat(timer.getQueue()).hasSize(1);
            if (i % 2 == 0) {
                listener.onComplete();
            } else {
                listener.onCancel();
            }
            assertThat(timer.getQueue()).isEmpty();
        }
    }

    @Test
    void keepsNothingOfACallThatIsRefused() {
        ServerCallHandler<HealthCheckRequest, HealthCheckResponse> refusing = (_, _) -> {
            throw new IllegalArgumentException("no token");
        };
        assertThatThrownBy(() -> interceptor.interceptCall(new Call(), new Metadata(), refusing))
                .hasMessage("no token");
        assertThat(timer.getQueue()).isEmpty();
    }

    private static final class Call extends ServerCall<HealthCheckRequest, HealthCheckResponse> {
        @Override
        public void request(int count) {}

        @Override
        public void sendHeaders(Metadata headers) {}

        @Override
        public void sendMessage(HealthCheckResponse message) {}

        @Override
        public void close(Status status, Metadata trailers) {}

        @Override
        public boolean isCancelled() {
            return false;
        }

        @Override
        public MethodDescriptor<HealthCheckRequest, HealthCheckResponse> getMethodDescriptor() {
            return HealthGrpc.getCheckMethod();
        }
    }
}
