package dev.sortie.agent.archive;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.NoSuchFileException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.AbortedException;
import software.amazon.awssdk.core.exception.ApiCallAttemptTimeoutException;
import software.amazon.awssdk.core.exception.ApiCallTimeoutException;
import software.amazon.awssdk.core.exception.SdkException;

/** Says what went wrong at an S3-compatible storage, and what to do about it; no secret, and nothing of what was sent. */
final class S3Faults {
    private S3Faults() {}

    static IOException translate(SdkException failed, String name, S3Location location) {
        return switch (failed) {
            case AwsServiceException refused -> refused(refused, name, location);
            case AbortedException _ -> because(new InterruptedIOException(location + ": interrupted"), failed);
            case ApiCallTimeoutException _, ApiCallAttemptTimeoutException _ ->
                new IOException(location + " does not answer in time", failed);
            default -> new IOException(location + unreachable(failed), failed);
        };
    }

    private static IOException refused(AwsServiceException refused, String name, S3Location location) {
        var details = refused.awsErrorDetails();
        var code = details == null || details.errorCode() == null ? "" : details.errorCode();
        int status = refused.statusCode();
        if (code.equals("NoSuchKey") || (status == 404 && !code.equals("NoSuchBucket"))) {
            return because(new NoSuchFileException(name), refused);
        }
        if (status == 416) {
            return because(new EOFException(name + " ends before"), refused);
        }
        if (code.equals("InvalidObjectState")) {
            return new UnreadableFileException(
                    name + " is in a storage class that must be restored before it is read", refused);
        }
        return new IOException(
                "%s refuses with %d %s: %s".formatted(location, status, code, advice(code, status, location)), refused);
    }

    private static String advice(String code, int status, S3Location location) {
        return switch (code) {
            case "NoSuchBucket" ->
                "there is no bucket " + location.bucket() + "; make it, or set SORTIE_ARCHIVE to one that is there";
            case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken" ->
                "it does not take the credentials; renew them (SORTIE_ARCHIVE_S3_CREDENTIALS_FILE)";
            case "RequestTimeTooSkewed" -> "the clock of this machine is wrong";
            case "PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect" ->
                "the bucket is in another region; set SORTIE_ARCHIVE_S3_REGION";
            case "MethodNotAllowed" -> "set SORTIE_ARCHIVE_S3_ADDRESSING to how it wants buckets to be named";
            default -> {
                if (status == 401 || status == 403) {
                    yield "allow the credentials s3:PutObject, s3:GetObject, s3:ListBucket and s3:DeleteObject below "
                            + location.bucket() + "/" + location.prefix();
                }
                if (status == 301 || status == 307) {
                    yield "the bucket is in another region; set SORTIE_ARCHIVE_S3_REGION";
                }
                yield status >= 500 || status == 429
                        ? "it is out of order, or has too much to do"
                        : "see SORTIE_ARCHIVE_S3_ENDPOINT and its log";
            }
        };
    }

    private static String unreachable(SdkException failed) {
        var cause = ioCause(failed);
        return switch (cause) {
            case null ->
                ": nothing can be asked without credentials and a region; set SORTIE_ARCHIVE_S3_CREDENTIALS_FILE and"
                        + " SORTIE_ARCHIVE_S3_REGION, or what the AWS SDK looks for";
            case UnknownHostException _ ->
                ": the name of its host is not known; see SORTIE_ARCHIVE_S3_ENDPOINT, _REGION and _ADDRESSING";
            case ConnectException _ -> " cannot be reached; see whether it runs, and SORTIE_ARCHIVE_S3_ENDPOINT";
            case SocketTimeoutException _ -> " does not answer in time";
            case SSLException _ -> ": no secure connection; see its certificate, and SORTIE_ARCHIVE_S3_ENDPOINT";
            default -> ": the connection broke off";
        };
    }

    private static @Nullable IOException ioCause(Throwable failed) {
        for (var cause = failed.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException io) {
                return io;
            }
        }
        return null;
    }

    private static IOException because(IOException fault, SdkException cause) {
        fault.initCause(cause);
        return fault;
    }
}
