import com.google.protobuf.Struct;
import com.google.protobuf.util.Durations;
import dev.sortie.agent.v1.*;
import dev.sortie.type.v1.TaskType;
import io.grpc.*;
import io.grpc.protobuf.StatusProto;
import java.util.*;
import java.util.concurrent.*;

/** A worker in Java: claims orders of some queues, several at once, and says how they went. See ../README.md. */
class Worker {
    static final Map<String, String> SETTINGS = System.getenv();
    static final int SLOTS = Integer.parseInt(SETTINGS.getOrDefault("SORTIE_CONCURRENCY", "4"));
    static final int LEASE = Integer.parseInt(SETTINGS.getOrDefault("SORTIE_LEASE_SECONDS", "30"));
    static final Map<String, Job> JOBS = new ConcurrentHashMap<>(); // what the worker holds, by order
    static final Context.CancellableContext ASKING = Context.ROOT.withCancellation(); // in which it waits for work
    static volatile String id, leaving = ""; // the worker's; why it takes no more

    /** What the worker does about an order that it holds. */
    static class Job extends Thread {
        final ClaimedWork claim;
        final ClaimReference.Builder reference = ClaimReference.newBuilder();
        volatile Struct checkpoint, saved;
        volatile String why = ""; // why it is to stop
        int lines;

        Job(ClaimedWork claim) {
            super(claim.getWorkOrder().getWorkOrderId());
            this.claim = claim;
            reference.setWorkOrderId(getName()).setClaimToken(claim.getClaimToken());
            checkpoint = saved = claim.getCheckpoint();
        }

        /** Sends a line; one that comes twice is dropped by the server. Who writes many sends some hundreds together. */
        void log(String text) throws Exception {
            var line = LogLine.newBuilder().setSequence(++lines).setLevel(LogLevel.LOG_LEVEL_INFO).setMessage(text);
            var message = AppendLogsRequest.newBuilder().setExecutionId(claim.getExecutionId()).addLines(line)
                    .setClaimToken(claim.getClaimToken()).build();
            Server.retry(() -> {
                var stream = Server.executions().appendLogs();
                stream.write(message);
                stream.halfClose();
                return stream.read();
            });
        }

        void begin() {
            JOBS.put(getName(), this);
            start();
            if (leaving.equals("shutdown")) stop(leaving); // it came last
        }

        void stop(String reason) {
            why = reason;
            interrupt();
        }
        public void run() {
            Callable<?> end;
            try {
                var completion = WorkCompletion.newBuilder().setClaim(reference).setResult(Counting.work(this));
                end = () -> Server.work(10).completeWork(CompleteWorkRequest.newBuilder().addCompletions(completion).build());
            } catch (Exception failed) {
                var failure = WorkFailure.newBuilder().setClaim(reference).setErrorMessage(failed.toString())
                        .setErrorType(failed.getClass().getSimpleName())
                        .setNonRetryable(failed instanceof IllegalArgumentException);
                var release = ReleaseWorkRequest.newBuilder().addClaims(reference).addCheckpoints(mark()).build();
                var report = FailWorkRequest.newBuilder().addFailures(failure).build();
                end = () -> why.equals("shutdown") ? Server.work(10).releaseWork(release)
                        : why.isEmpty() ? Server.work(10).failWork(report) : why;
            }
            try {
                Thread.interrupted(); // it is to be said all the same
                Server.retry(end);
            } catch (Exception refused) {
                System.out.println(getName() + ": no longer this worker's: " + refused);
            }
            JOBS.remove(getName());
        }

        WorkCheckpoint mark() {
            return WorkCheckpoint.newBuilder().setWorkOrderId(getName()).setCheckpoint(checkpoint).build();
        }
    }

    /** Keeps what the worker holds, and says how far it has got; learns what is to be stopped. */
    static void heartbeat() {
        var held = Map.copyOf(JOBS);
        var request = HeartbeatWorkRequest.newBuilder().setWorkerId(id);
        held.values().forEach(job -> request.addClaims(job.reference));
        held.values().stream().filter(job -> job.checkpoint != job.saved).forEach(job -> request.addCheckpoints(job.mark()));
        try {
            var answer = Server.work(10).heartbeatWork(request.build());
            request.getCheckpointsList().forEach(mark -> held.get(mark.getWorkOrderId()).saved = mark.getCheckpoint());
            answer.getOutcomesList().stream().filter(HeartbeatOutcome::hasError)
                    .forEach(outcome -> held.get(outcome.getWorkOrderId()).stop("cancelled, or lost"));
            if (answer.getDrainRequested()) leave("drain");
        } catch (StatusRuntimeException error) {
            if (error.getStatus().getCode() == Status.Code.FAILED_PRECONDITION) held.values().forEach(job -> job.stop("lost"));
        }
    }

    static void register() throws Exception {
        var worker = dev.sortie.agent.v1.Worker.newBuilder().setName("java").setWorkerType(TaskType.TASK_TYPE_TEST)
                .setSoftwareVersion("1.0").setMaxConcurrentTasks(SLOTS).setLeaseDuration(Durations.fromSeconds(LEASE));
        var request = RegisterWorkerRequest.newBuilder().setWorker(worker).setRequestId(UUID.randomUUID().toString()).build();
        id = Server.retry(() -> Server.workers().registerWorker(request)).getWorker().getWorkerId();
        var counting = WorkerCapability.newBuilder().setName("counting").setLevel(CapabilityLevel.CAPABILITY_LEVEL_EXPERT);
        var skills = SetWorkerCapabilitiesRequest.newBuilder().setWorkerId(id).addCapabilities(counting).build();
        Server.retry(() -> Server.workers().setWorkerCapabilities(skills));
    }

    static void leave(String why) {
        leaving = why;
        ASKING.cancel(null);
        if (why.equals("shutdown")) JOBS.values().forEach(job -> job.stop(why));
    }

    /** Asks for work: by one id until there is an answer, for what was claimed may be lost with an answer otherwise. */
    static Void ask() throws Exception {
        var request = ClaimWorkRequest.newBuilder().setWorkerId(id).setMaxOrders(SLOTS - JOBS.size())
                .addAllQueueNames(List.of(SETTINGS.getOrDefault("SORTIE_QUEUES", "example").split(",")))
                .setWait(Durations.fromSeconds(20)).setRequestId(UUID.randomUUID().toString()).build();
        try {
            Server.retry(() -> Server.work(30).claimWork(request)).getClaimsList().forEach(claim -> new Job(claim).begin());
        } catch (StatusRuntimeException error) {
            var details = String.valueOf(StatusProto.fromThrowable(error));
            if (details.contains("ERROR_REASON_WORKER_NOT_REGISTERED")) register();
            else if (details.contains("ERROR_REASON_WORKER_DRAINING")) leave("drain");
            else if (leaving.isEmpty()) Thread.sleep(1_000);
        }
        while (JOBS.size() >= SLOTS || !leaving.isEmpty() && !JOBS.isEmpty()) Thread.sleep(20);
        return null;
    }

    public static void main(String[] args) throws Exception {
        var main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            leave("shutdown");
            try { main.join(20_000); } catch (InterruptedException now) { /* then at once */ }
            Runtime.getRuntime().halt(main.isAlive() ? 1 : 0);
        }));
        register();
        var beat = Executors.newSingleThreadScheduledExecutor(Thread.ofPlatform().daemon().factory());
        beat.scheduleAtFixedRate(Worker::heartbeat, LEASE * 333, LEASE * 333, TimeUnit.MILLISECONDS);
        while (leaving.isEmpty()) ASKING.call(Worker::ask);
        var gone = DeregisterWorkerRequest.newBuilder().setWorkerId(id).build(); // gives back whatever else it may hold
        Server.retry(() -> Server.workers().deregisterWorker(gone));
    }
}
