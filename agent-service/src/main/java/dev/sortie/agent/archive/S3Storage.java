package dev.sortie.agent.archive;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.RetryableException;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.retry.RetryMode;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.AbortableInputStream;
import software.amazon.awssdk.http.urlconnection.ProxyConfiguration;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.profiles.ProfileFile;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;

/**
 * An archive in a bucket of an S3-compatible storage. Each file is one object, put by one request: it is there as a whole
 * or not at all. What fails in passing is tried again twice.
 */
public final class S3Storage implements ArchiveStorage {
    private final S3Location location;
    private final Patience patience;
    private final Scratch scratch = new Scratch();
    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable AwsCredentialsProvider credentials;
    private @Nullable S3Client client;
    private boolean closed;

    /**
     * How long is waited for the storage.
     *
     * @param connect for a connection
     * @param silence for the next byte
     * @param attempt for an answer, when a part of a file is read
     * @param read for all attempts at that
     * @param write for all attempts at putting or removing a file; less than the archiver waits for another server
     */
    record Patience(Duration connect, Duration silence, Duration attempt, Duration read, Duration write) {
        /** Readers wait for the answer: within their usual deadline they are told why there is none. */
        static final Patience USUAL = new Patience(
                Duration.ofSeconds(3),
                Duration.ofSeconds(15),
                Duration.ofSeconds(8),
                Duration.ofSeconds(20),
                Duration.ofMinutes(5));
    }

    /** Opens it; the storage is first asked when something is put or read. */
    public S3Storage(S3Location location) {
        this(location, Patience.USUAL);
    }

    S3Storage(S3Location location, Patience patience) {
        this.location = location;
        this.patience = patience;
    }

    @Override
    public Path scratch() throws IOException {
        return scratch.folder();
    }

    @Override
    public void put(String name, Path file, byte[] sha256) throws IOException {
        var key = key(name);
        call(
                name,
                s3 -> s3.putObject(
                        request -> request.bucket(location.bucket())
                                .key(key)
                                .checksumSHA256(Base64.getEncoder().encodeToString(sha256))
                                .overrideConfiguration(this::writing),
                        RequestBody.fromFile(file)));
    }

    @Override
    public byte[] read(String name, long position, int length) throws IOException {
        var key = key(name);
        long end = position + length;
        var part = call(
                name,
                s3 -> s3.getObject(
                        request -> request.bucket(location.bucket())
                                .key(key)
                                .range("bytes=" + position + "-" + (end - 1))
                                .overrideConfiguration(this::reading),
                        (response, content) -> part(response, content, position, length)));
        var read = part.orElseThrow(
                () -> new IOException(location + " does not answer with the part of a file that it is asked for"));
        if (read.length < length) {
            throw new EOFException(name + " ends before " + end);
        }
        return read;
    }

    /** What was asked for; less of it where the file ends before; empty when the answer is something else. */
    private static Optional<byte[]> part(
            GetObjectResponse response, AbortableInputStream content, long position, int length) {
        var range = response.contentRange();
        if (range == null || !range.startsWith("bytes " + position + "-")) {
            content.abort(); // it may be the whole file
            return Optional.empty();
        }
        try {
            return Optional.of(content.readNBytes(length));
        } catch (IOException broken) {
            throw RetryableException.create("the answer broke off", broken);
        }
    }

    @Override
    public void delete(String name) throws IOException {
        var key = key(name);
        call(
                name,
                s3 -> s3.deleteObject(
                        request -> request.bucket(location.bucket()).key(key).overrideConfiguration(this::writing)));
    }

    /** Where a file is, as the storage sees it; asks nobody. */
    String url(String name) throws IOException {
        var key = key(name);
        return call(
                name,
                s3 -> s3.utilities()
                        .getUrl(request -> request.bucket(location.bucket()).key(key))
                        .toString());
    }

    private String key(String name) {
        if (Arrays.stream(name.split("/", -1))
                .anyMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."))) {
            throw new IllegalArgumentException(name + " is outside of the archive");
        }
        return location.prefix() + name;
    }

    private void reading(AwsRequestOverrideConfiguration.Builder request) {
        request.apiCallAttemptTimeout(patience.attempt()).apiCallTimeout(patience.read());
    }

    private void writing(AwsRequestOverrideConfiguration.Builder request) {
        request.apiCallTimeout(patience.write());
    }

    private interface Call<T> {
        T of(S3Client s3);
    }

    private <T> T call(String name, Call<T> call) throws IOException {
        try {
            return call.of(client());
        } catch (SdkException failed) {
            throw S3Faults.translate(failed, name, location);
        } catch (RuntimeException failed) {
            throw new IOException(location + " cannot be used: the AWS SDK fails", failed);
        }
    }

    /** Made when it is first needed: it takes a while, and memory. */
    private S3Client client() throws IOException {
        lock.lock();
        try {
            if (closed) {
                throw new IOException("the archive has been closed");
            }
            if (client == null) {
                client = connect();
            }
            return client;
        } finally {
            lock.unlock();
        }
    }

    private S3Client connect() {
        var connection = location.connection();
        var secrets = credentials == null ? credentials(connection) : credentials;
        credentials = secrets;
        var builder = S3Client.builder()
                .credentialsProvider(secrets)
                .httpClientBuilder(UrlConnectionHttpClient.builder()
                        .connectionTimeout(patience.connect())
                        .socketTimeout(patience.silence())
                        .proxyConfiguration(proxy(connection)))
                .overrideConfiguration(configuration -> configuration.retryStrategy(RetryMode.STANDARD))
                // Storages other than Amazon's need not know what came later: a body in signed pieces, and checksums
                // that nobody asked for.
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                .serviceConfiguration(
                        S3Configuration.builder().chunkedEncodingEnabled(false).build())
                .forcePathStyle(connection.addressing() == S3Location.Addressing.PATH);
        if (connection.endpoint() != null) {
            builder.endpointOverride(connection.endpoint());
        }
        if (connection.region() != null) {
            builder.region(Region.of(connection.region()));
        }
        return builder.build();
    }

    private static AwsCredentialsProvider credentials(S3Location.Connection connection) {
        var file = connection.credentialsFile();
        return file == null
                ? DefaultCredentialsProvider.builder().build()
                : ProfileCredentialsProvider.builder()
                        .profileFile(() -> profiles(file))
                        .profileName("default")
                        .build();
    }

    /** Read each time: credentials are replaced while servers run. */
    private static ProfileFile profiles(Path file) {
        try {
            return ProfileFile.builder()
                    .content(file)
                    .type(ProfileFile.Type.CREDENTIALS)
                    .build();
        } catch (RuntimeException _) {
            // What it says may quote the file.
            throw SdkClientException.create("the file with the credentials cannot be read");
        }
    }

    /** The proxy that the environment names, but not to this machine. */
    private static ProxyConfiguration proxy(S3Location.Connection connection) {
        var endpoint = connection.endpoint();
        var host = endpoint == null ? "" : endpoint.getHost();
        boolean here = host.equals("localhost") || host.startsWith("127.") || host.equals("[::1]");
        return ProxyConfiguration.builder()
                .useSystemPropertyValues(!here)
                .useEnvironmentVariablesValues(!here)
                .build();
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            if (client != null) {
                client.close();
            }
            if (credentials instanceof AutoCloseable closeable) {
                closeQuietly(closeable);
            }
        } finally {
            lock.unlock();
        }
        scratch.close();
    }

    private static void closeQuietly(AutoCloseable closeable) {
        try {
            closeable.close();
        } catch (Exception _) {
            // nothing is left to be done with it
        }
    }

    @Override
    public String toString() {
        return "S3Storage[" + location + "]";
    }
}
