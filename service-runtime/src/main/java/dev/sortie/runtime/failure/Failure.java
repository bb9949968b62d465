package dev.sortie.runtime.failure;

import com.google.protobuf.ProtocolMessageEnum;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What can go wrong in a call and is part of the contract. Each kind is one canonical gRPC code; the reason says what
 * exactly happened. Anything thrown that is not one of these is a fault of the server and tells the caller nothing.
 *
 * <p>Made and thrown in one line:
 *
 * <pre>{@code
 * throw Failure.notFound(ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND, "mission %s does not exist", id)
 *         .with("resource", "mission").with("id", id).exception();
 * }</pre>
 */
public sealed interface Failure {

    /** The full name of the value of an {@code ErrorReason} enum, such as {@code ERROR_REASON_ETAG_MISMATCH}. */
    String reason();

    /** One sentence for a developer: what happened, with the values at fault, and what to do next. */
    String message();

    /** The values behind the message, for programs. */
    Map<String, String> metadata();

    /** INVALID_ARGUMENT: the request itself is wrong, whatever the state of the system. */
    record InvalidArgument(String reason, String message, Map<String, String> metadata, List<FieldViolation> violations)
            implements Failure {}

    /** NOT_FOUND: what the request names does not exist, or the caller may not know of it. */
    record NotFound(String reason, String message, Map<String, String> metadata) implements Failure {}

    /** ALREADY_EXISTS: what the request would create is there. */
    record AlreadyExists(String reason, String message, Map<String, String> metadata) implements Failure {}

    /** FAILED_PRECONDITION: the system is not in a state for this; trying again does not help, doing something else may. */
    record FailedPrecondition(
            String reason, String message, Map<String, String> metadata, List<PreconditionViolation> violations)
            implements Failure {}

    /** ABORTED: somebody else was faster; read again and decide anew, after the delay where there is one (not zero). */
    record Aborted(String reason, String message, Map<String, String> metadata, Duration retryAfter)
            implements Failure {}

    /** OUT_OF_RANGE: the request points outside of what is kept. */
    record OutOfRange(String reason, String message, Map<String, String> metadata) implements Failure {}

    /** UNAUTHENTICATED: nobody knows who calls. */
    record Unauthenticated(String reason, String message, Map<String, String> metadata) implements Failure {}

    /** PERMISSION_DENIED: the caller is known and may not do this. */
    record PermissionDenied(String reason, String message, Map<String, String> metadata) implements Failure {}

    /** RESOURCE_EXHAUSTED: a limit is reached; try again after the delay. */
    record ResourceExhausted(String reason, String message, Map<String, String> metadata, Duration retryAfter)
            implements Failure {}

    /** UNAVAILABLE: something this service needs does not answer; try again after the delay. */
    record Unavailable(String reason, String message, Map<String, String> metadata, Duration retryAfter)
            implements Failure {}

    /** DEADLINE_EXCEEDED: the caller's time ran out. */
    record DeadlineExceeded(String reason, String message, Map<String, String> metadata) implements Failure {}

    /** What is wrong with one field, named by its path in the request ({@code tool_step.parameters["x"].literal}). */
    record FieldViolation(String field, String description) {}

    /** One thing that stands in the way: its type, what it concerns, and what would remove it. */
    record PreconditionViolation(String type, String subject, String description) {}

    static Failure invalidArgument(ProtocolMessageEnum reason, List<FieldViolation> violations) {
        var first = violations.getFirst();
        var more = violations.size() == 1 ? "" : " (and " + (violations.size() - 1) + " more)";
        return new InvalidArgument(
                name(reason), first.field() + ": " + first.description() + more, Map.of(), List.copyOf(violations));
    }

    /** One field at fault. */
    static Failure invalidArgument(ProtocolMessageEnum reason, String field, String description, Object... arguments) {
        return invalidArgument(reason, List.of(new FieldViolation(field, text(description, arguments))));
    }

    static Failure notFound(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new NotFound(name(reason), text(message, arguments), Map.of());
    }

    static Failure alreadyExists(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new AlreadyExists(name(reason), text(message, arguments), Map.of());
    }

    static Failure failedPrecondition(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new FailedPrecondition(name(reason), text(message, arguments), Map.of(), List.of());
    }

    static Failure failedPrecondition(
            ProtocolMessageEnum reason, List<PreconditionViolation> violations, String message, Object... arguments) {
        return new FailedPrecondition(name(reason), text(message, arguments), Map.of(), List.copyOf(violations));
    }

    static Failure aborted(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new Aborted(name(reason), text(message, arguments), Map.of(), Duration.ZERO);
    }

    static Failure outOfRange(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new OutOfRange(name(reason), text(message, arguments), Map.of());
    }

    static Failure unauthenticated(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new Unauthenticated(name(reason), text(message, arguments), Map.of());
    }

    static Failure permissionDenied(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new PermissionDenied(name(reason), text(message, arguments), Map.of());
    }

    static Failure resourceExhausted(
            ProtocolMessageEnum reason, Duration retryAfter, String message, Object... arguments) {
        return new ResourceExhausted(name(reason), text(message, arguments), Map.of(), retryAfter);
    }

    static Failure unavailable(ProtocolMessageEnum reason, Duration retryAfter, String message, Object... arguments) {
        return new Unavailable(name(reason), text(message, arguments), Map.of(), retryAfter);
    }

    static Failure deadlineExceeded(ProtocolMessageEnum reason, String message, Object... arguments) {
        return new DeadlineExceeded(name(reason), text(message, arguments), Map.of());
    }

    /** The same failure with one more entry of metadata. */
    default Failure with(String key, Object value) {
        var more = new LinkedHashMap<>(metadata());
        more.put(key, value.toString());
        return switch (this) {
            case InvalidArgument f -> new InvalidArgument(f.reason, f.message, more, f.violations);
            case NotFound f -> new NotFound(f.reason, f.message, more);
            case AlreadyExists f -> new AlreadyExists(f.reason, f.message, more);
            case FailedPrecondition f -> new FailedPrecondition(f.reason, f.message, more, f.violations);
            case Aborted f -> new Aborted(f.reason, f.message, more, f.retryAfter);
            case OutOfRange f -> new OutOfRange(f.reason, f.message, more);
            case Unauthenticated f -> new Unauthenticated(f.reason, f.message, more);
            case PermissionDenied f -> new PermissionDenied(f.reason, f.message, more);
            case ResourceExhausted f -> new ResourceExhausted(f.reason, f.message, more, f.retryAfter);
            case Unavailable f -> new Unavailable(f.reason, f.message, more, f.retryAfter);
            case DeadlineExceeded f -> new DeadlineExceeded(f.reason, f.message, more);
        };
    }

    /** This failure, to be thrown. */
    default FailureException exception() {
        return new FailureException(this, null);
    }

    private static String name(ProtocolMessageEnum reason) {
        return reason.getValueDescriptor().getName();
    }

    private static String text(String message, Object... arguments) {
        return arguments.length == 0 ? message : message.formatted(arguments);
    }
}
