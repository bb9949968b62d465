package dev.sortie.cli;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A connection to mission-service, with the caller's token on every call. */
final class Connection implements AutoCloseable {

    /** The options that say where to and as whom. */
    static final Set<String> OPTIONS = Set.of("--address", "--data", "--token", "--token-file");

    static final String HELP = """
              --address HOST:PORT     mission-service (SORTIE_MISSION_ADDRESS, else where `sortie up` runs it)
              --token TOKEN           an API token or access token (SORTIE_TOKEN)
              --token-file FILE       a file that holds one (SORTIE_TOKEN_FILE, else admin.token of the data folder)
              --data FOLDER           the data folder of `sortie up` (SORTIE_DATA, else ~/.local/share/sortie)
              --help                  print this
            """;

    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);
    private static final Set<Status.Code> PASSING =
            Set.of(Status.Code.UNAVAILABLE, Status.Code.RESOURCE_EXHAUSTED, Status.Code.ABORTED);

    private final String address;
    private final ManagedChannel channel;

    private Connection(String address, String token) {
        this.address = address;
        this.channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                .intercept(new Bearer(token))
                .build();
    }

    /** Opens the connection that arguments and environment describe; connects with the first call. */
    static Connection open(Arguments arguments, Map<String, String> environment) {
        var data = Path.of(setting("--data", "SORTIE_DATA", arguments, environment, defaultDataFolder(environment)));
        var address = setting(
                "--address",
                "SORTIE_MISSION_ADDRESS",
                arguments,
                environment,
                runFile(data).getProperty("address.mission-service", "localhost:7401"));
        return new Connection(address, token(arguments, environment, data));
    }

    Channel channel() {
        return channel;
    }

    /**
     * Makes a call, again and again while the service is away or busy. The call has to be safe to repeat.
     *
     * @throws CliException what the service answered, when it is another failure or lasts too long
     */
    <T> T call(Callable<T> call) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        var pause = Duration.ofMillis(100);
        while (true) {
            Status failure;
            try {
                return call.call();
            } catch (StatusRuntimeException failed) {
                failure = failed.getStatus();
            } catch (StatusException failed) {
                failure = failed.getStatus();
            } catch (RuntimeException failed) {
                throw failed;
            } catch (Exception failed) {
                throw new CliException("the call failed: " + failed.getMessage(), failed);
            }
            if (!PASSING.contains(failure.getCode()) || System.nanoTime() > end) {
                throw refusal(failure);
            }
            LockSupport.parkNanos(pause.toNanos());
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
        }
    }

    /** What the service answered, as it is told to a person. */
    CliException refusal(Status failure) {
        return new CliException(explain(failure));
    }

    @Override
    public void close() {
        channel.shutdown();
        try {
            if (!channel.awaitTermination(2, TimeUnit.SECONDS)) {
                channel.shutdownNow();
            }
        } catch (InterruptedException e) {
            channel.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }

    private String explain(Status failure) {
        var description = String.valueOf(failure.getDescription());
        return switch (failure.getCode()) {
            case UNAVAILABLE ->
                "mission-service at " + address + " does not answer (" + description
                        + "); is it running? `sortie up` starts it";
            case UNAUTHENTICATED -> description + "; give another token with --token or --token-file";
            default -> description + " (" + failure.getCode() + ")";
        };
    }

    private static String token(Arguments arguments, Map<String, String> environment, Path data) {
        var given = arguments.last("--token");
        if (given.isPresent()) {
            return given.get();
        }
        var file = arguments.last("--token-file").map(Path::of);
        if (file.isPresent()) {
            return readToken(file.get());
        }
        var ready = environment.getOrDefault("SORTIE_TOKEN", "");
        if (!ready.isBlank()) {
            return ready.strip();
        }
        var named = environment.getOrDefault("SORTIE_TOKEN_FILE", "");
        return readToken(named.isBlank() ? data.resolve("admin.token") : Path.of(named));
    }

    private static String readToken(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new CliException(
                    "there is no token: " + file + " cannot be read; give one with --token, or start the servers with"
                            + " `sortie up`, which makes one",
                    e);
        }
    }

    private static String setting(
            String option, String variable, Arguments arguments, Map<String, String> environment, String fallback) {
        var value = environment.getOrDefault(variable, "");
        return arguments.last(option).orElse(value.isBlank() ? fallback : value);
    }

    /** What `up` says about itself in its data folder; nothing when it never ran there. */
    private static Properties runFile(Path data) {
        var properties = new Properties();
        try (var reader = Files.newBufferedReader(data.resolve("run.properties"))) {
            properties.load(reader);
        } catch (IOException absent) {
            return new Properties();
        }
        return properties;
    }

    private static String defaultDataFolder(Map<String, String> environment) {
        var shared = environment.getOrDefault("XDG_DATA_HOME", "");
        if (shared.startsWith("/")) {
            return Path.of(shared, "sortie").toString();
        }
        var home = environment.getOrDefault("HOME", System.getProperty("user.home"));
        return Path.of(home, ".local", "share", "sortie").toString();
    }

    private record Bearer(String token) implements ClientInterceptor {
        @Override
        public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
            return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
                @Override
                public void start(Listener<A> listener, Metadata headers) {
                    headers.put(AUTHORIZATION, "Bearer " + token);
                    super.start(listener, headers);
                }
            };
        }

        @Override
        public String toString() {
            return "Bearer"; // no token in a log
        }
    }
}
