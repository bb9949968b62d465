package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.reference;
import static dev.sortie.agent.AgentFixture.seconds;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.ClaimedWork;
import dev.sortie.agent.v1.SessionAck;
import dev.sortie.agent.v1.WorkFailure;
import dev.sortie.agent.v1.WorkRequest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * A worker of a race that works in sessions: session after session, at whatever server, each ended in some way, by the
 * worker or by what strikes the servers. Some are left open when the next one begins, and say something then.
 */
final class RaceSession implements Callable<Void> {
    private static final int MOST_CREDITS = 4;

    private final Replicas replicas;
    private final Told told;
    private final Random random;
    private final RaceCalls calls;
    private final int steps;
    private final Runnable stepDone;
    // What is in hand, by order, and what was said of which no answer came.
    private final Map<String, ClaimedWork> held = new LinkedHashMap<>();
    private final List<ClaimedWork> unanswered = new ArrayList<>();
    private String workerId = "";
    private long epoch;
    private @Nullable Open older;
    private @Nullable Open open;

    RaceSession(Replicas replicas, Told told, Random random, int steps, Runnable stepDone) {
        this.replicas = replicas;
        this.told = told;
        this.random = random;
        this.calls = new RaceCalls(replicas, told, random);
        this.steps = steps;
        this.stepDone = stepDone;
    }

    @Override
    public Void call() throws InterruptedException {
        try {
            workerId = calls.register();
            for (int step = 0; step < steps; step++) {
                if (open == null) {
                    open = attach();
                }
                if (random.nextInt(12) == 0) {
                    withoutSession();
                } else {
                    open.move();
                }
                if (open.client.hasEnded() || open.client.isClosing() || random.nextInt(8) == 0) {
                    open.leave(random.nextInt(4));
                    open = null;
                    startAnewIfDrained();
                }
                stepDone.run();
            }
            if (open != null) {
                open.leave(0);
            }
            for (var work : unanswered) {
                calls.complete(work); // until somebody knows what came of it
            }
            return null;
        } finally {
            if (open != null) {
                open.client.close();
            }
            if (older != null) {
                older.client.close();
            }
        }
    }

    private void withoutSession() throws InterruptedException {
        if (random.nextBoolean()) {
            calls.endSomebodys();
        } else {
            calls.claimSome(workerId)
                    .forEach(work -> held.put(work.getWorkOrder().getWorkOrderId(), work));
        }
    }

    /** One who is to leave finishes what it holds; another one comes. */
    private void startAnewIfDrained() throws InterruptedException {
        if (told.isDrained(workerId) && random.nextInt(3) == 0) {
            for (var work : held.values()) {
                calls.complete(work);
            }
            held.clear();
            if (older != null) {
                older.client.close();
                older = null;
            }
            workerId = calls.register();
            epoch = 0;
        }
    }

    /** Attaches at some server, to go on or, now and then, as a process that has just started. */
    private Open attach() throws InterruptedException {
        var attached = new ArrayList<Open>();
        Replicas.eventually("a server takes the session", () -> {
            var server = replicas.any(random);
            if (older != null && older.server == server && random.nextInt(4) > 0) {
                return false; // the other one hears of the new session a moment later
            }
            var client = new SessionClient(server.channel(), workerId);
            int credits = random.nextInt(MOST_CREDITS);
            var queues = calls.someQueues();
            var message = client.attachment(queues.toArray(String[]::new)).setCredits(credits);
            message.getAttachBuilder().setLeaseDuration(seconds(8 + random.nextInt(25)));
            if (epoch > 0 && random.nextInt(6) > 0) {
                message.getAttachBuilder()
                        .getResumeBuilder()
                        .setSessionEpoch(epoch)
                        .addAllClaims(held.values().stream()
                                .map(AgentFixture::reference)
                                .toList());
            } else {
                held.values().forEach(told::letsGo);
                held.clear(); // its leases end, or a later session gives it back
            }
            client.send(message);
            var answer = client.attachedIfAny();
            if (answer == null) {
                assertThat(replicas.isLost(server, client.ended()))
                        .as("%s", client.ended())
                        .isTrue();
                return false;
            }
            assertThat(answer.getSessionEpoch()).isGreaterThan(epoch);
            epoch = answer.getSessionEpoch();
            answer.getResumedClaimsList().stream()
                    .filter(outcome -> outcome.hasError())
                    .forEach(outcome -> held.remove(outcome.getWorkOrderId()));
            attached.add(new Open(server, client, epoch, credits, queues));
            return true;
        });
        sayMoreInTheOlder();
        return attached.getFirst();
    }

    /** Whatever is said in a session after another one was attached is refused, and nothing is assigned in it. */
    private void sayMoreInTheOlder() throws InterruptedException {
        if (older == null) {
            return;
        }
        try (var fenced = older.client) {
            var message = WorkRequest.newBuilder().setHeartbeat(random.nextBoolean());
            if (!older.drains) {
                message.setCredits(MOST_CREDITS);
            }
            // No result that is to be seen anywhere.
            held.values().forEach(work -> message.addCompletions(RaceCalls.completion(work, told.number())));
            var ack = fenced.ackIfAny(fenced.send(message));
            if (!held.isEmpty()) { // otherwise it may not have heard yet, of which nothing comes
                assertThat(ack).isNull();
            }
            assertThat(replicas.isLost(older.server, fenced.ended()))
                    .as("%s", fenced.ended())
                    .isTrue();
            // It may have been assigned something before, which the worker knows nothing of.
            for (var work = fenced.nextIfAny(0); work != null; work = fenced.nextIfAny(0)) {
                told.assigned(work, workerId, older.epoch);
            }
        } finally {
            older = null;
        }
    }

    /** A session. */
    private final class Open {
        private final AgentFixture server;
        private final SessionClient client;
        private final long epoch;
        private final Map<Long, Said> said = new LinkedHashMap<>();
        private List<String> queues;
        private int credits;
        private int received;
        private boolean drains;

        Open(AgentFixture server, SessionClient client, long epoch, int credits, List<String> queues) {
            this.server = server;
            this.client = client;
            this.epoch = epoch;
            this.credits = credits;
            this.queues = queues;
        }

        void move() throws InterruptedException {
            int what = random.nextInt(14);
            if (what < 6 && !held.isEmpty()) {
                end();
            } else if (what < 9 && !drains && credits - received < MOST_CREDITS) {
                int more = 1 + random.nextInt(3);
                credits += more;
                say(SessionClient.credits(more), new Said());
            } else if (what == 9) {
                changeQueues();
            } else if (what == 10 && random.nextInt(4) == 0) {
                drain();
            } else if (what < 12) {
                say(SessionClient.heartbeat(), new Said());
            }
            take(random.nextInt(40));
        }

        /** What was assigned meanwhile, after waiting for it a little. */
        private void take(int millis) throws InterruptedException {
            for (var work = client.nextIfAny(millis); work != null; work = client.nextIfAny(0)) {
                received++;
                assertThat(received).as("assigned against %d credits", credits).isLessThanOrEqualTo(credits);
                assertThat(queues).contains(work.getWorkOrder().getQueueName());
                told.assigned(work, workerId, epoch);
                told.inHand(work);
                held.put(work.getWorkOrder().getWorkOrderId(), work);
            }
        }

        /** Ends one claim, or two. */
        private void end() {
            var message = WorkRequest.newBuilder();
            var ends = new Said();
            for (int i = random.nextInt(2); i < 2 && !held.isEmpty(); i++) {
                var work = List.copyOf(held.values()).get(random.nextInt(held.size()));
                held.remove(work.getWorkOrder().getWorkOrderId());
                switch (random.nextInt(5)) {
                    case 0 -> {
                        var failure = calls.failure(work);
                        told.fails(failure, work);
                        message.addFailures(failure);
                        ends.failed.put(work, failure);
                    }
                    case 1 -> {
                        told.letsGo(work);
                        message.addReleases(reference(work));
                        ends.released.add(work);
                    }
                    default -> {
                        double number = told.number();
                        told.completes(work, number);
                        message.addCompletions(RaceCalls.completion(work, number));
                        ends.completed.put(work, number);
                    }
                }
            }
            say(message, ends);
        }

        /** Says something, and mostly waits until it is acknowledged. */
        private void say(WorkRequest.Builder message, Said what) {
            long number = client.send(message);
            said.put(number, what);
            if (random.nextInt(4) > 0) {
                answered(number);
            }
        }

        private boolean answered(long number) {
            var ack = client.ackIfAny(number);
            if (ack != null) {
                said.remove(number).told(ack);
            }
            return ack != null;
        }

        /** From the acknowledgement on, all that comes is from other queues. */
        private void changeQueues() throws InterruptedException {
            var others = calls.someQueues();
            long number = client.send(WorkRequest.newBuilder().addAllQueueNames(others));
            said.put(number, new Said());
            var both = new ArrayList<>(queues);
            both.addAll(others);
            queues = both;
            if (answered(number)) {
                take(0);
                queues = others;
            }
        }

        /** From the acknowledgement on, nothing comes. */
        private void drain() throws InterruptedException {
            long number = client.send(WorkRequest.newBuilder().setDrain(true));
            said.put(number, new Said());
            if (answered(number)) {
                take(0);
                credits = received;
                drains = true;
            }
        }

        /**
         * Ends the session.
         *
         * @param how 0 to close the stream, 1 to break it; otherwise it is left open
         */
        void leave(int how) throws InterruptedException {
            if (how == 0) {
                client.halfClose();
            } else if (how == 1) {
                client.cutOff();
            } else {
                List.copyOf(said.keySet()).forEach(this::answered);
                older = this;
            }
            if (how < 2) {
                var status = client.ended();
                assertThat(status.isOk() || replicas.isLost(server, status))
                        .as("%s", status)
                        .isTrue();
                for (var number : List.copyOf(said.keySet())) {
                    assertThat(answered(number) || !status.isOk())
                            .as("message %d of a stream that was closed", number)
                            .isTrue();
                }
            }
            take(0);
            said.values().forEach(Said::takeBack);
        }
    }

    /** What a message said of claims. */
    private final class Said {
        private final Map<ClaimedWork, Double> completed = new LinkedHashMap<>();
        private final Map<ClaimedWork, WorkFailure> failed = new LinkedHashMap<>();
        private final List<ClaimedWork> released = new ArrayList<>();
        private final Map<String, ClaimedWork> heldThen = Map.copyOf(held);

        void told(SessionAck ack) {
            var outcomes = ack.getCompletionsList().iterator();
            completed.forEach((work, number) -> told.completed(work, number, outcomes.next()));
            var failures = ack.getFailuresList().iterator();
            failed.forEach((work, failure) -> told.failed(failure, work, failures.next()));
            var releases = ack.getReleasesList().iterator();
            released.forEach(work -> told.released(work, releases.next()));
            // Not what came of the same orders since.
            for (var lost : ack.getLostClaimsList()) {
                var id = lost.getWorkOrderId();
                held.remove(id, heldThen.get(id));
            }
        }

        /** It may have been done or not: it is said again. */
        void takeBack() {
            unanswered.addAll(completed.keySet());
            completed.keySet().forEach(this::hold);
            failed.keySet().forEach(this::hold);
            released.forEach(this::hold);
        }

        private void hold(ClaimedWork work) {
            held.putIfAbsent(work.getWorkOrder().getWorkOrderId(), work); // unless it is in hand once more
        }
    }
}
