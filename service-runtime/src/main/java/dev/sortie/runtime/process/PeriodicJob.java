package dev.sortie.runtime.process;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs something again and again on a virtual thread: after an interval, less or more a tenth at random, or at once when
 * it is woken. A failure is logged and counted, and it runs again at its next time. Every replica runs its jobs: what
 * they do must be safe to do at once, by claims in the database.
 */
public final class PeriodicJob implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PeriodicJob.class);

    private final String name;
    private final Duration interval;
    private final Work work;
    private final MeterRegistry meters;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition woken = lock.newCondition();
    private boolean due = true;
    private boolean closed;

    /** What a job does each time. */
    @FunctionalInterface
    public interface Work {
        /** Runs once. May block; is interrupted when the process stops. */
        void run() throws InterruptedException;
    }

    private PeriodicJob(String name, Duration interval, MeterRegistry meters, Work work) {
        this.name = name;
        this.interval = interval;
        this.meters = meters;
        this.work = work;
        this.thread = Thread.ofVirtual().name("job-" + name).unstarted(this::run);
    }

    /** Starts a job; it runs for the first time at once. */
    public static PeriodicJob start(String name, Duration interval, MeterRegistry meters, Work work) {
        var job = new PeriodicJob(name, interval, meters, work);
        job.thread.start();
        return job;
    }

    /** Lets the job run at once, or once more when it is running. */
    public void wake() {
        lock.lock();
        try {
            due = true;
            woken.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Ends the job, interrupting it, and waits a moment for it. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            woken.signal();
        } finally {
            lock.unlock();
        }
        thread.interrupt();
        try {
            thread.join(Duration.ofSeconds(2));
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        while (await()) {
            try {
                work.run();
                meters.counter("sortie.job.runs", "job", name).increment();
            } catch (InterruptedException _) {
                return;
            } catch (RuntimeException failed) {
                if (isClosed()) {
                    return;
                }
                meters.counter("sortie.job.failures", "job", name).increment();
                LOG.warn("job {} failed; it runs again in {}", name, interval, failed);
            }
        }
    }

    private boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    private boolean await() {
        long tenth = Math.max(1, interval.toNanos() / 10);
        long left = interval.toNanos() + ThreadLocalRandom.current().nextLong(-tenth, tenth);
        lock.lock();
        try {
            while (!due && !closed && left > 0) {
                left = woken.awaitNanos(left);
            }
            due = false;
            return !closed;
        } catch (InterruptedException _) {
            return false;
        } finally {
            lock.unlock();
        }
    }
}
