package dev.sortie.agent.domain;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An order that a worker holds, its row locked, and what can become of it.
 *
 * @param runAt since when the order was claimable
 * @param forgivenRetries how many of the retries were before the order was last put back
 * @param version before the end
 */
public record HeldClaim(
        UUID workOrderId,
        String queueName,
        @Nullable Subject subject,
        UUID executionId,
        UUID workerId,
        byte[] claimHash,
        int retryCount,
        RetryPolicy retryPolicy,
        Instant runAt,
        Instant claimedAt,
        Instant leaseExpiresAt,
        int forgivenRetries,
        long version) {
    static final String LEASE_RAN_OUT = "the lease ran out before a result was handed in";

    /**
     * How a claim ends: what becomes of the order, and of the attempt.
     *
     * @param status of the order; PENDING when it goes back to its queue
     * @param runAt when it may be claimed next, where it goes back
     * @param execution what the attempt came to
     * @param givenBack true when the attempt does not count
     * @param result a JSON object; null unless the order is completed
     * @param errorMessage why the attempt failed; empty when it did not
     */
    public record End(
            HeldClaim claim,
            WorkOrderStatus status,
            Instant runAt,
            int retryCount,
            ExecutionStatus execution,
            boolean givenBack,
            @Nullable String result,
            String errorMessage,
            ExecutionReport report) {}

    /** Which attempt at the order it is. */
    public int attempt() {
        return retryCount + 1;
    }

    End complete(String result, ExecutionReport report) {
        return new End(
                this,
                WorkOrderStatus.COMPLETED,
                runAt,
                retryCount,
                ExecutionStatus.COMPLETED,
                false,
                result,
                "",
                report);
    }

    /**
     * The worker reports a failure.
     *
     * @param retryDelay how long to wait before the next attempt; null for what the policy says
     * @param random from 0 (inclusive) to 1
     */
    End fail(
            String errorMessage,
            boolean retryable,
            @Nullable Duration retryDelay,
            ExecutionReport report,
            Instant now,
            double random) {
        return again(ExecutionStatus.FAILED, errorMessage, retryable, retryDelay, report, now, random);
    }

    /** True while its lease runs. */
    boolean isCurrent(Instant now) {
        return leaseExpiresAt.isAfter(now);
    }

    /** The lease ran out. */
    End timeOut(Instant now, double random) {
        return again(ExecutionStatus.TIMEOUT, LEASE_RAN_OUT, true, null, ExecutionReport.NONE, now, random);
    }

    /** Back to the queue, at its old place, as if it had not been claimed. */
    End release() {
        return new End(
                this,
                WorkOrderStatus.PENDING,
                runAt,
                retryCount,
                ExecutionStatus.CANCELLED,
                true,
                null,
                "",
                ExecutionReport.NONE);
    }

    End cancel() {
        return new End(
                this,
                WorkOrderStatus.CANCELLED,
                runAt,
                retryCount,
                ExecutionStatus.CANCELLED,
                false,
                null,
                "",
                ExecutionReport.NONE);
    }

    private End again(
            ExecutionStatus execution,
            String errorMessage,
            boolean retryable,
            @Nullable Duration retryDelay,
            ExecutionReport report,
            Instant now,
            double random) {
        int retry = retryCount + 1;
        int counted = retry - forgivenRetries;
        if (!retryable || counted > retryPolicy.maxRetries()) {
            return new End(
                    this, WorkOrderStatus.FAILED, runAt, retryCount, execution, false, null, errorMessage, report);
        }
        var delay = retryDelay == null ? retryPolicy.backoff(counted, random) : retryDelay;
        var next = now.plus(delay).truncatedTo(ChronoUnit.MICROS); // as the database keeps it
        return new End(this, WorkOrderStatus.PENDING, next, retry, execution, false, null, errorMessage, report);
    }
}
