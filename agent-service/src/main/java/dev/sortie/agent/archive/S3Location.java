package dev.sortie.agent.archive;

import dev.sortie.runtime.config.Settings;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.profiles.ProfileFile;

/**
 * An archive in a bucket.
 *
 * @param prefix what the names of its objects begin with: empty, or one that ends with a slash
 */
public record S3Location(String bucket, String prefix, Connection connection) implements ArchiveLocation {
    /** What locations begin with. */
    static final String SCHEME = "s3://";

    private static final Pattern BUCKET = Pattern.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");
    private static final Pattern PREFIX = Pattern.compile("[A-Za-z0-9!_.*'()=-]+(/[A-Za-z0-9!_.*'()=-]+)*");
    private static final Pattern DOTS = Pattern.compile("(^|.*/)\\.{1,2}(/.*|$)");
    private static final int MAX_PREFIX = 512;

    /** How buckets are named to the storage. */
    public enum Addressing {
        /** {@code https://host/bucket/name}: what most storages other than Amazon's want. */
        PATH,
        /** {@code https://bucket.host/name}: what Amazon's wants. */
        VIRTUAL_HOST
    }

    /**
     * How the storage is reached.
     *
     * @param endpoint null for Amazon's own
     * @param region null for the one that the SDK finds in the environment
     * @param addressing how buckets are named to it
     * @param credentialsFile in the form of {@code ~/.aws/credentials}; null for what the SDK finds in the environment
     */
    public record Connection(
            @Nullable URI endpoint,
            @Nullable String region,
            Addressing addressing,
            @Nullable Path credentialsFile) {
        private static final Pattern REGION = Pattern.compile("[a-z0-9-]{1,64}");
        /** What storages without regions expect. */
        private static final String USUAL_REGION = "us-east-1";

        /** Reads {@code SORTIE_ARCHIVE_S3…}. */
        static Connection read(Settings settings) {
            var endpoint = endpoint(settings);
            var region = settings.text(
                            "SORTIE_ARCHIVE_S3_REGION",
                            "",
                            "the region of the bucket; empty for AWS_REGION and what else the AWS SDK looks at, or, with"
                                    + " an endpoint, for " + USUAL_REGION)
                    .strip();
            if (!region.isEmpty() && !REGION.matcher(region).matches()) {
                settings.problem("SORTIE_ARCHIVE_S3_REGION: " + region + " (expected: a name such as eu-central-1)");
            }
            return new Connection(
                    endpoint,
                    !region.isEmpty() ? region : endpoint == null ? null : USUAL_REGION,
                    addressing(settings, endpoint),
                    credentialsFile(settings));
        }

        private static @Nullable URI endpoint(Settings settings) {
            var text = settings.text(
                            "SORTIE_ARCHIVE_S3_ENDPOINT",
                            "",
                            "the S3-compatible storage of the archive, as http(s)://host:port; empty for Amazon S3")
                    .strip();
            if (text.isEmpty()) {
                return null;
            }
            try {
                var uri = new URI(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
                if (("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
                        && uri.getHost() != null
                        && uri.getUserInfo() == null
                        && uri.getRawPath().isEmpty()
                        && uri.getRawQuery() == null
                        && uri.getRawFragment() == null) {
                    return uri;
                }
            } catch (URISyntaxException _) {
                // as one that has too much or too little
            }
            settings.problem("SORTIE_ARCHIVE_S3_ENDPOINT: " + shown(text)
                    + " (expected: such as https://storage.example.com:9000, and nothing after the port)");
            return null;
        }

        private static Addressing addressing(Settings settings, @Nullable URI endpoint) {
            var usual = endpoint == null ? Addressing.VIRTUAL_HOST : Addressing.PATH;
            var text = settings.text(
                            "SORTIE_ARCHIVE_S3_ADDRESSING",
                            "",
                            "path (host/bucket/name) or virtual-host (bucket.host/name); empty for path with an endpoint"
                                    + " and virtual-host without")
                    .strip();
            return switch (text) {
                case "" -> usual;
                case "path" -> Addressing.PATH;
                case "virtual-host" -> Addressing.VIRTUAL_HOST;
                default -> {
                    settings.problem("SORTIE_ARCHIVE_S3_ADDRESSING: " + text + " (expected: path or virtual-host)");
                    yield usual;
                }
            };
        }

        private static @Nullable Path credentialsFile(Settings settings) {
            var text = settings.text(
                            "SORTIE_ARCHIVE_S3_CREDENTIALS_FILE",
                            "",
                            "a file in the form of ~/.aws/credentials with the profile default, read again when it"
                                    + " changes; empty for AWS_ACCESS_KEY_ID, web identity, roles and what else the AWS"
                                    + " SDK looks for")
                    .strip();
            if (text.isEmpty()) {
                return null;
            }
            try {
                var file = Path.of(text);
                if (Files.isReadable(file)
                        && ProfileFile.builder()
                                .content(file)
                                .type(ProfileFile.Type.CREDENTIALS)
                                .build()
                                .profile("default")
                                .isPresent()) {
                    return file;
                }
                settings.problem("SORTIE_ARCHIVE_S3_CREDENTIALS_FILE: " + text
                        + " (expected: a file this process can read, with a profile [default])");
            } catch (InvalidPathException _) {
                settings.problem("SORTIE_ARCHIVE_S3_CREDENTIALS_FILE: is not the path of a file");
            } catch (RuntimeException _) {
                // What it says may quote the file.
                settings.problem(
                        "SORTIE_ARCHIVE_S3_CREDENTIALS_FILE: " + text + " (expected: the form of ~/.aws/credentials)");
            }
            return null;
        }
    }

    /**
     * Reads {@code s3://bucket/prefix}.
     *
     * @throws IllegalArgumentException saying what was expected
     */
    static S3Location of(String location, Connection connection) {
        var rest = location.substring(SCHEME.length());
        int slash = rest.indexOf('/');
        var bucket = slash < 0 ? rest : rest.substring(0, slash);
        var prefix = slash < 0 ? "" : rest.substring(slash + 1);
        prefix = prefix.endsWith("/") ? prefix.substring(0, prefix.length() - 1) : prefix;
        if (!BUCKET.matcher(bucket).matches() || bucket.contains("..")) {
            throw new IllegalArgumentException(
                    "expected: s3://bucket/prefix, and 3 to 63 small letters, digits, dots and hyphens as the bucket");
        }
        if (!prefix.isEmpty()
                && (prefix.length() > MAX_PREFIX
                        || !PREFIX.matcher(prefix).matches()
                        || DOTS.matcher(prefix).matches())) {
            throw new IllegalArgumentException("expected: a prefix of at most " + MAX_PREFIX
                    + " letters, digits and !-_.*'()= with single slashes");
        }
        return new S3Location(bucket, prefix.isEmpty() ? "" : prefix + "/", connection);
    }

    /** What may be said of a setting: nothing when there may be a password in it. */
    static String shown(String text) {
        return text.contains("@") ? "what is set" : text;
    }

    @Override
    public ArchiveStorage open() {
        return new S3Storage(this);
    }

    @Override
    public String toString() {
        return SCHEME + bucket + "/" + prefix + (connection.endpoint() == null ? "" : " at " + connection.endpoint());
    }
}
