import static io.grpc.Status.Code.*;

import dev.sortie.agent.v1.*;
import io.grpc.*;
import io.grpc.stub.MetadataUtils;
import java.util.concurrent.*;

/** The server, and how to call it. */
class Server {
    private static final String ADDRESS = System.getenv().getOrDefault("SORTIE_ADDRESS", "127.0.0.1:7402");
    private static final Metadata TOKEN = new Metadata();
    private static final ManagedChannel CHANNEL =
            Grpc.newChannelBuilder(ADDRESS, InsecureChannelCredentials.create()) // TlsChannelCredentials across a network
                    .intercept(MetadataUtils.newAttachHeadersInterceptor(TOKEN))
                    .build();

    static {
        var authorization = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
        TOKEN.put(authorization, "Bearer " + System.getenv("SORTIE_TOKEN"));
    }

    /** A call that is safe to repeat, until it is answered, with longer and longer pauses. */
    static <T> T retry(Callable<T> call) throws Exception {
        for (long wait = 100; ; wait = Math.min(2 * wait, 5_000)) {
            try {
                return call.call();
            } catch (StatusException | StatusRuntimeException error) {
                var code = Status.fromThrowable(error).getCode();
                boolean passing = code == UNAVAILABLE || code == DEADLINE_EXCEEDED || code == RESOURCE_EXHAUSTED;
                if (!passing || Context.current().isCancelled()) throw error;
            }
            Thread.sleep((long) (wait * (0.5 + Math.random() / 2)));
            CHANNEL.resetConnectBackoff();
        }
    }

    static WorkServiceGrpc.WorkServiceBlockingStub work(int seconds) {
        return WorkServiceGrpc.newBlockingStub(CHANNEL).withDeadlineAfter(seconds, TimeUnit.SECONDS);
    }

    static WorkerServiceGrpc.WorkerServiceBlockingStub workers() {
        return WorkerServiceGrpc.newBlockingStub(CHANNEL).withDeadlineAfter(10, TimeUnit.SECONDS);
    }

    static ExecutionServiceGrpc.ExecutionServiceBlockingV2Stub executions() {
        return ExecutionServiceGrpc.newBlockingV2Stub(CHANNEL).withDeadlineAfter(10, TimeUnit.SECONDS);
    }
}
