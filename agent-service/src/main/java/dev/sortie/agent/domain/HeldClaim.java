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
 * @param deadlineAt by when the order must be done; null when it does not matter
 * @param errorType of the attempt that failed before; empty when none did, or it had none
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
        @Nullable Instant deadlineAt,
        String errorType,
        Instant claimedAt,
        Instant leaseExpiresAt,
        int forgivenRetries,
        long version) {
    static final String LEASE_RAN_OUT = "the lease ran out before a result was handed in";
    static final String DEADLINE_PASSED = "the order's deadline passed before a result was handed in";

    /**
     * How a claim ends: what becomes of the order, and of the attempt.
     *
     * @param status of the order; PENDING when it goes back to its queue
     * @param runAt when it may be claimed next, where it goes back
     * @param execution what the attempt came to
     * @param givenBack true when the attempt does not count
     * @param result a JSON object; null unless the order is completed
     * @param errorMessage why the attempt failed; empty when it did not
     * @param errorType of the last attempt that failed, this one or one before; empty when it has none
     * @param verdict why a failed attempt is the last one though more were left; empty when there is nothing to say
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
            String errorType,
            String verdict,
            ExecutionReport report) {

        /** Why the attempt failed, and why no other follows. */
        public String orderError() {
            return verdict.isEmpty() ? errorMessage : errorMessage + "; " + verdict;
        }
    }

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
                errorType,
                "",
                report);
    }

    /**
     * How an attempt failed.
     *
     * @param type empty when it has none
     * @param retryDelay how long to wait before the next attempt; null for what the policy says
     */
    record Failed(
            ExecutionStatus execution,
            String message,
            String type,
            boolean retryable,
            @Nullable Duration retryDelay,
            ExecutionReport report) {}

    /** True while its lease runs. */
    boolean isCurrent(Instant now) {
        return leaseExpiresAt.isAfter(now);
    }

    /** The lease ran out. */
    End timeOut(Instant now, double random) {
        boolean late = deadlineAt != null && !now.isBefore(deadlineAt);
        var message = late ? DEADLINE_PASSED : LEASE_RAN_OUT;
        return fail(new Failed(ExecutionStatus.TIMEOUT, message, "", !late, null, ExecutionReport.NONE), now, random);
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
                errorType,
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
                errorType,
                "",
                ExecutionReport.NONE);
    }

    /**
     * The attempt failed. Another one follows unless there is no use in it, none is left, or it would begin too late.
     *
     * @param random from 0 (inclusive) to 1
     */
    End fail(Failed failed, Instant now, double random) {
        int retry = retryCount + 1;
        int counted = retry - forgivenRetries;
        if (!failed.retryable() || !retryPolicy.retries(failed.type()) || counted > retryPolicy.maxRetries()) {
            return failed(failed, WorkOrderStatus.FAILED, runAt, retryCount, "");
        }
        var delay = failed.retryDelay() == null ? retryPolicy.backoff(counted, random) : failed.retryDelay();
        var next = now.plus(delay).truncatedTo(ChronoUnit.MICROS); // as the database keeps it
        if (deadlineAt != null && !next.isBefore(deadlineAt)) {
            var verdict = "not tried again, since the next attempt would begin at %s, and the order's deadline is %s"
                    .formatted(next, deadlineAt);
            return failed(failed, WorkOrderStatus.FAILED, runAt, retryCount, verdict);
        }
        return failed(failed, WorkOrderStatus.PENDING, next, retry, "");
    }

    private End failed(Failed failed, WorkOrderStatus status, Instant nextRun, int retries, String verdict) {
        return new End(
                this,
                status,
                nextRun,
                retries,
                failed.execution(),
                false,
                null,
                failed.message(),
                failed.type(),
                verdict,
                failed.report());
    }
}
