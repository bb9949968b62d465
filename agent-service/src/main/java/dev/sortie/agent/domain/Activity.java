package dev.sortie.agent.domain;

import java.time.Duration;

/** What went on in a queue in some time: counts that can be added up. Not safe for concurrent use. */
public final class Activity {
    private long enqueued;
    private long claimed;
    private long completed;
    private long failed;
    private long timedOut;
    private long asked;
    private final Histogram waits;
    private final Histogram runs;

    public Activity() {
        this(0, 0, 0, 0, 0, 0, new Histogram(), new Histogram());
    }

    /**
     * One that was kept.
     *
     * @param asked how often a worker asked for work of the queue
     * @param waits how long orders that were claimed had been claimable
     * @param runs how long attempts took whose results were accepted
     */
    public Activity(
            long enqueued,
            long claimed,
            long completed,
            long failed,
            long timedOut,
            long asked,
            Histogram waits,
            Histogram runs) {
        this.enqueued = enqueued;
        this.claimed = claimed;
        this.completed = completed;
        this.failed = failed;
        this.timedOut = timedOut;
        this.asked = asked;
        this.waits = waits;
        this.runs = runs;
    }

    void addEnqueued(int count) {
        enqueued += count;
    }

    void addAsked() {
        asked++;
    }

    void addClaimed(Duration waited) {
        claimed++;
        waits.add(waited);
    }

    void addEnded(ExecutionStatus how, Duration ran) {
        switch (how) {
            case COMPLETED -> {
                completed++;
                runs.add(ran);
            }
            case FAILED -> failed++;
            case TIMEOUT -> timedOut++;
            case RUNNING, CANCELLED -> {} // says nothing of how the work went
        }
    }

    void add(Activity other) {
        enqueued += other.enqueued;
        claimed += other.claimed;
        completed += other.completed;
        failed += other.failed;
        timedOut += other.timedOut;
        asked += other.asked;
        waits.add(other.waits);
        runs.add(other.runs);
    }

    public long enqueued() {
        return enqueued;
    }

    public long claimed() {
        return claimed;
    }

    public long completed() {
        return completed;
    }

    public long failed() {
        return failed;
    }

    public long timedOut() {
        return timedOut;
    }

    public long asked() {
        return asked;
    }

    public Histogram waits() {
        return waits;
    }

    public Histogram runs() {
        return runs;
    }
}
