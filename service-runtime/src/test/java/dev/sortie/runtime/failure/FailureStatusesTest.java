package dev.sortie.runtime.failure;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.RetryInfo;
import dev.sortie.runtime.failure.Failure.FieldViolation;
import dev.sortie.runtime.failure.Failure.PreconditionViolation;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.InternalMetadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.vertx.core.http.ConnectionPoolTooBusyException;
import io.vertx.pgclient.PgException;
import io.vertx.sqlclient.ClosedConnectionException;
import java.net.ConnectException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FailureStatusesTest {
    private static final ErrorReason REASON = ErrorReason.ERROR_REASON_NOT_OWNER;
    private static final Duration SOON = Duration.ofMillis(1_250);

    private final FailureStatuses statuses = new FailureStatuses("test.sortie.dev");

    @Test
    void givesEveryKindOfFailureItsCodeReasonDomainAndMetadata() {
        var all = Map.ofEntries(
                Map.entry(Failure.invalidArgument(REASON, "a.b", "1 (expected: %d)", 2), Status.Code.INVALID_ARGUMENT),
                Map.entry(Failure.notFound(REASON, "%s is not there", "x"), Status.Code.NOT_FOUND),
                Map.entry(Failure.alreadyExists(REASON, "m"), Status.Code.ALREADY_EXISTS),
                Map.entry(Failure.failedPrecondition(REASON, "m"), Status.Code.FAILED_PRECONDITION),
                Map.entry(Failure.aborted(REASON, "m"), Status.Code.ABORTED),
                Map.entry(Failure.outOfRange(REASON, "m"), Status.Code.OUT_OF_RANGE),
                Map.entry(Failure.unauthenticated(REASON, "m"), Status.Code.UNAUTHENTICATED),
                Map.entry(Failure.permissionDenied(REASON, "m"), Status.Code.PERMISSION_DENIED),
                Map.entry(Failure.resourceExhausted(REASON, SOON, "m"), Status.Code.RESOURCE_EXHAUSTED),
                Map.entry(Failure.unavailable(REASON, SOON, "m"), Status.Code.UNAVAILABLE),
                Map.entry(Failure.deadlineExceeded(REASON, "m"), Status.Code.DEADLINE_EXCEEDED));
        assertThat(all).hasSize(Failure.class.getPermittedSubclasses().length);
        all.forEach((failure, code) -> {
            var told = statuses.toStatus(failure.with("key", 7));
            assertThat(told.getCode()).isEqualTo(code.value());
            assertThat(told.getMessage()).isEqualTo(failure.message());
            var info = detail(told, ErrorInfo.class);
            assertThat(info.getReason()).isEqualTo("ERROR_REASON_NOT_OWNER");
            assertThat(info.getDomain()).isEqualTo("test.sortie.dev");
            assertThat(info.getMetadataMap()).containsExactly(Map.entry("key", "7"));
        });
    }

    @Test
    void listsViolationsAndTimesToRetry() {
        var invalid = Failure.invalidArgument(
                REASON, List.of(new FieldViolation("a", "first"), new FieldViolation("b[1].c", "second")));
        assertThat(invalid.message()).isEqualTo("a: first (and 1 more)");
        assertThat(detail(statuses.toStatus(invalid), BadRequest.class).getFieldViolationsList())
                .extracting(BadRequest.FieldViolation::getField)
                .containsExactly("a", "b[1].c");

        var unmet = Failure.failedPrecondition(
                REASON, List.of(new PreconditionViolation("STATE", "hop/1", "is open")), "no");
        assertThat(detail(statuses.toStatus(unmet), PreconditionFailure.class).getViolations(0))
                .isEqualTo(PreconditionFailure.Violation.newBuilder()
                        .setType("STATE")
                        .setSubject("hop/1")
                        .setDescription("is open")
                        .build());

        var later = statuses.exception(Failure.unavailable(REASON, SOON, "m"));
        assertThat(detail(io.grpc.protobuf.StatusProto.fromThrowable(later), RetryInfo.class)
                        .getRetryDelay())
                .isEqualTo(com.google.protobuf.util.Durations.fromMillis(1_250));
        assertThat(later.getTrailers().get(FailureStatuses.RETRY_PUSHBACK)).isEqualTo("1250");
    }

    @Test
    void keepsTrailersBelowWhatClientsAcceptHoweverMuchWentWrong() {
        var violations = new ArrayList<FieldViolation>();
        for (int i = 0; i < 5_000; i++) {
            violations.add(new FieldViolation("field[" + i + "]" + "x".repeat(900), "ü".repeat(900)));
        }
        var failure = Failure.invalidArgument(REASON, violations);
        for (int i = 0; i < 5; i++) {
            failure = failure.with("key" + i, "v".repeat(2_000));
        }
        var closing = statuses.closing(failure.exception(), "id");
        int bytes = 0;
        for (var part : InternalMetadata.serialize(closing.trailers())) {
            bytes += part.length * 4 / 3 + 32;
        }
        int message = closing.status().getDescription().length() * 6; // percent-encoded at worst
        assertThat(bytes + message).isLessThan(8 * 1024);
        assertThat(closing.expected()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "40001, ABORTED, ERROR_REASON_CONTENTION",
        "40P01, ABORTED, ERROR_REASON_CONTENTION",
        "55P03, ABORTED, ERROR_REASON_CONTENTION",
        "57014, DEADLINE_EXCEEDED, ERROR_REASON_DEADLINE_EXCEEDED",
        "53300, RESOURCE_EXHAUSTED, ERROR_REASON_OVERLOADED",
        "57P01, UNAVAILABLE, ERROR_REASON_DEPENDENCY_UNAVAILABLE",
        "57P03, UNAVAILABLE, ERROR_REASON_DEPENDENCY_UNAVAILABLE",
        "08006, UNAVAILABLE, ERROR_REASON_DEPENDENCY_UNAVAILABLE",
        "25006, UNAVAILABLE, ERROR_REASON_DEPENDENCY_UNAVAILABLE",
        "23505, INTERNAL, ERROR_REASON_INTERNAL",
        "42P01, INTERNAL, ERROR_REASON_INTERNAL",
    })
    void tellsWhatAFailureOfTheDatabaseMeans(String sqlState, Status.Code code, ErrorReason reason) {
        assertThat(reasonOf(new PgException("relation users", "ERROR", sqlState, "detail"), code))
                .isEqualTo(reason.name());
    }

    @Test
    void tellsWhatOtherFailuresMean() {
        assertThat(reasonOf(new ConnectionPoolTooBusyException("full"), Status.Code.RESOURCE_EXHAUSTED))
                .isEqualTo("ERROR_REASON_OVERLOADED");
        for (var lost : List.of(ClosedConnectionException.INSTANCE, new ConnectException("refused"))) {
            assertThat(reasonOf(lost, Status.Code.UNAVAILABLE)).isEqualTo("ERROR_REASON_DEPENDENCY_UNAVAILABLE");
        }
        assertThat(reasonOf(new StatusRuntimeException(Status.UNAVAILABLE), Status.Code.UNAVAILABLE))
                .isEqualTo("ERROR_REASON_DEPENDENCY_UNAVAILABLE");
        assertThat(reasonOf(new StatusRuntimeException(Status.PERMISSION_DENIED), Status.Code.INTERNAL))
                .isEqualTo("ERROR_REASON_INTERNAL");
        assertThat(reasonOf(new TimeoutException(), Status.Code.DEADLINE_EXCEEDED))
                .isEqualTo("ERROR_REASON_DEADLINE_EXCEEDED");
    }

    @Test
    void tellsNothingOfWhatItDoesNotKnow() {
        var closing = statuses.closing(new IllegalStateException("password=hunter2"), "abc");
        assertThat(closing.expected()).isFalse();
        assertThat(closing.status().getCode()).isEqualTo(Status.Code.INTERNAL);
        assertThat(closing.status().getDescription()).contains("abc").doesNotContain("hunter2");
        assertThat(closing.status().getCause()).isNull();
    }

    private String reasonOf(Throwable thrown, Status.Code code) {
        var closing = statuses.closing(thrown, "id");
        assertThat(closing.status().getCode()).isEqualTo(code);
        assertThat(closing.status().getDescription()).doesNotContain("users");
        var status = io.grpc.protobuf.StatusProto.fromStatusAndTrailers(closing.status(), closing.trailers());
        return detail(status, ErrorInfo.class).getReason();
    }

    private static <M extends com.google.protobuf.Message> M detail(com.google.rpc.Status status, Class<M> type) {
        return status.getDetailsList().stream()
                .filter(detail -> detail.is(type))
                .findFirst()
                .map(detail -> {
                    try {
                        return detail.unpack(type);
                    } catch (com.google.protobuf.InvalidProtocolBufferException broken) {
                        throw new AssertionError(broken);
                    }
                })
                .orElseThrow();
    }
}
