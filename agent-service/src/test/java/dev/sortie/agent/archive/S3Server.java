package dev.sortie.agent.archive;

import com.robothy.s3.rest.LocalS3;
import com.robothy.s3.rest.bootstrap.LocalS3Mode;
import dev.sortie.agent.archive.S3Location.Addressing;
import dev.sortie.agent.archive.S3Location.Connection;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.ProxyConfiguration;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

/** An S3-compatible storage in this process, with one bucket, behind a gate. */
public final class S3Server implements AutoCloseable {
    public static final String BUCKET = "sortie-archive";
    /** What must be seen nowhere. */
    public static final String SECRET = "do/not+show+this+to+anybody+0123456789";

    private final LocalS3 server;
    private final Gate gate;
    private final S3Client direct;
    private final Path credentials;

    /** @param folder for the file with the credentials */
    public S3Server(Path folder) throws IOException {
        this.server = start();
        this.gate = new Gate(server.getPort());
        this.credentials = Files.writeString(folder.resolve("credentials"), """
                [default]
                aws_access_key_id = AKIAEXAMPLE
                aws_secret_access_key = %s
                """.formatted(SECRET));
        this.direct = S3Client.builder()
                .endpointOverride(URI.create("http://127.0.0.1:" + server.getPort()))
                .region(Region.US_EAST_1)
                .forcePathStyle(true)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("a", "b")))
                .httpClient(UrlConnectionHttpClient.builder()
                        .proxyConfiguration(ProxyConfiguration.builder()
                                .useSystemPropertyValues(false)
                                .useEnvironmentVariablesValues(false)
                                .build())
                        .build())
                .build();
        direct.createBucket(request -> request.bucket(BUCKET));
    }

    /** It does not tell which port it got when it may have any: it is given one, and another when that was taken. */
    private static LocalS3 start() throws IOException {
        for (int attempt = 1; ; attempt++) {
            int port;
            try (var free = new ServerSocket(0)) {
                port = free.getLocalPort();
            }
            var server = LocalS3.builder()
                    .port(port)
                    .mode(LocalS3Mode.IN_MEMORY)
                    .nettyParentEventGroupThreadNum(1)
                    .nettyChildEventGroupThreadNum(2)
                    .s3ExecutorThreadNum(4)
                    .build();
            try {
                server.start();
                return server;
            } catch (Exception taken) {
                if (attempt == 20) {
                    throw taken;
                }
            }
        }
    }

    public Gate gate() {
        return gate;
    }

    /** A place in the bucket, reached through the gate. */
    public S3Location location(String prefix) {
        return location(BUCKET, prefix);
    }

    public S3Location location(String bucket, String prefix) {
        return new S3Location(
                bucket,
                prefix,
                new Connection(
                        URI.create("http://127.0.0.1:" + gate.port()), "us-east-1", Addressing.PATH, credentials));
    }

    /** The names of the objects that are there. */
    public List<String> names(String prefix) {
        return direct.listObjectsV2(request -> request.bucket(BUCKET).prefix(prefix)).contents().stream()
                .map(S3Object::key)
                .toList();
    }

    /** An object, whole. */
    public byte[] content(String name) {
        return direct.getObjectAsBytes(request -> request.bucket(BUCKET).key(name))
                .asByteArray();
    }

    public void remove(String name) {
        direct.deleteObject(request -> request.bucket(BUCKET).key(name));
    }

    @Override
    public void close() {
        gate.close();
        direct.close();
        server.shutdown();
    }
}
