package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.claim;
import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static dev.sortie.agent.AgentFixture.struct;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.ClaimWorkResponse;
import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.CompleteWorkRequest;
import dev.sortie.agent.v1.FailWorkRequest;
import dev.sortie.agent.v1.HeartbeatWorkRequest;
import dev.sortie.agent.v1.ReleaseWorkRequest;
import dev.sortie.agent.v1.SetWorkerCapabilitiesRequest;
import dev.sortie.agent.v1.WorkCompletion;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkerCapability;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;

/** The calls of a worker in a race, each at some server, until it is answered; {@link Told} keeps what they came to. */
final class RaceCalls {
    /** How many orders a worker may hold. */
    static final int MOST_CLAIMS = 6;

    private final Replicas replicas;
    private final Told told;
    private final Random random;

    RaceCalls(Replicas replicas, Told told, Random random) {
        this.replicas = replicas;
        this.told = told;
        this.random = random;
    }

    /** A worker with some of two skills. */
    String register() throws InterruptedException {
        return register(
                MOST_CLAIMS,
                List.of("skill-0", "skill-1").stream()
                        .filter(_ -> random.nextBoolean())
                        .toList());
    }

    String register(int most, List<String> skills) throws InterruptedException {
        var id = replicas.insist(random, server -> server.register(most)).orElseThrow();
        var request = SetWorkerCapabilitiesRequest.newBuilder().setWorkerId(id);
        skills.forEach(skill -> request.addCapabilities(
                WorkerCapability.newBuilder().setName(skill).setLevel(CapabilityLevel.CAPABILITY_LEVEL_EXPERT)));
        replicas.insist(random, server -> server.workers().setWorkerCapabilities(request.build()))
                .orElseThrow();
        told.worker(id, skills, most);
        return id;
    }

    /** One to all queues, in no order. */
    List<String> someQueues() {
        var queues = new ArrayList<>(ReplicaRaceTest.QUEUES);
        queues.removeIf(_ -> random.nextInt(2) == 0);
        return queues.isEmpty() ? List.of("plain") : queues;
    }

    List<ClaimedWork> claimSome(String workerId) throws InterruptedException {
        var request = claim(workerId, someQueues().toArray(String[]::new))
                .setMaxOrders(1 + random.nextInt(4))
                .setLeaseDuration(seconds(8 + random.nextInt(25)));
        if (random.nextInt(3) == 0) {
            request.setWait(com.google.protobuf.Duration.newBuilder().setNanos(50_000_000));
        }
        long from = told.tick();
        Optional<ClaimWorkResponse> response;
        if (random.nextInt(3) == 0) {
            request.setRequestId(UUID.randomUUID().toString());
            response = replicas.insist(random, server -> server.work().claimWork(request.build()));
            if (response.isPresent() && response.get().getClaimsCount() > 0 && random.nextInt(3) == 0) {
                var again = replicas.insist(random, server -> server.work().claimWork(request.build()))
                        .orElseThrow();
                assertThat(again.getClaimsList()).isEqualTo(response.get().getClaimsList());
                assertThat(again.getReplayed()).isTrue();
            }
        } else {
            response =
                    replicas.once(replicas.any(random), server -> server.work().claimWork(request.build()));
        }
        var claims = response.map(ClaimWorkResponse::getClaimsList).orElse(List.of());
        for (var work : claims) {
            assertThat(request.getQueueNamesList()).contains(work.getWorkOrder().getQueueName());
            told.claimed(work, from);
        }
        return claims;
    }

    void complete(ClaimedWork work) throws InterruptedException {
        double number = told.number();
        told.completes(work, number);
        var request = CompleteWorkRequest.newBuilder()
                .addCompletions(completion(work, number))
                .build();
        replicas.insist(random, server -> server.work().completeWork(request).getOutcomes(0))
                .ifPresent(outcome -> told.completed(work, number, outcome));
    }

    static WorkCompletion completion(ClaimedWork work, double number) {
        return WorkCompletion.newBuilder()
                .setClaim(reference(work))
                .setResult(struct("n", number))
                .build();
    }

    void fail(ClaimedWork work) throws InterruptedException {
        var failure = failure(work);
        told.fails(failure, work);
        var request = FailWorkRequest.newBuilder().addFailures(failure).build();
        replicas.insist(random, server -> server.work().failWork(request).getOutcomes(0))
                .ifPresent(outcome -> told.failed(failure, work, outcome));
    }

    WorkFailure failure(ClaimedWork work) {
        var failure = WorkFailure.newBuilder().setClaim(reference(work)).setErrorMessage("it broke");
        switch (random.nextInt(6)) {
            case 0 -> failure.setNonRetryable(true);
            case 1 -> failure.setErrorType(Told.FATAL);
            case 2 -> failure.setErrorType("Other");
            case 3, 4 -> failure.setRetryDelay(seconds(random.nextInt((int) Told.LONGEST_WAIT.toSeconds())));
            default -> {}
        }
        return failure.build();
    }

    void release(ClaimedWork work) throws InterruptedException {
        told.letsGo(work);
        var request = ReleaseWorkRequest.newBuilder().addClaims(reference(work)).build();
        replicas.insist(random, server -> server.work().releaseWork(request).getOutcomes(0))
                .ifPresent(outcome -> told.released(work, outcome));
    }

    void heartbeat(String workerId, Collection<ClaimedWork> held) throws InterruptedException {
        var request = HeartbeatWorkRequest.newBuilder()
                .setWorkerId(workerId)
                .addAllClaims(held.stream().map(AgentFixture::reference).toList())
                .setLeaseDuration(seconds(10))
                .build();
        replicas.insist(random, server -> server.work().heartbeatWork(request));
    }

    /** Ends somebody's claim, which may have ended before in whatever way. */
    void endSomebodys() throws InterruptedException {
        var known = List.copyOf(told.known());
        if (known.isEmpty()) {
            return;
        }
        var work = known.get(random.nextInt(known.size()));
        switch (random.nextInt(3)) {
            case 0 -> complete(work);
            case 1 -> fail(work);
            default -> release(work);
        }
    }
}
