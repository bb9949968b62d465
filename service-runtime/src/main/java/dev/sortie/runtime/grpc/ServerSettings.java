package dev.sortie.runtime.grpc;

import dev.sortie.runtime.config.Settings;
import java.time.Duration;

/**
 * How a service listens and what it takes on at most.
 *
 * @param host the address to listen at
 * @param port the port of gRPC; 0 means any free one
 * @param adminPort the port of {@code /metrics}, {@code /livez}, {@code /readyz}; 0 means any free one
 * @param maxCalls ordinary calls in hand at once; further ones are refused at once with a retry time
 * @param maxStreams streams in hand at once
 * @param maxCallsPerConnection calls and streams of one connection at once
 * @param maxMessageBytes the largest request message
 * @param defaultDeadline for ordinary calls whose caller gave none
 * @param drainTime what calls and streams may take to end when the server stops
 * @param drainNotice how long a stopping server still takes calls, for balancers to notice that it is not ready
 * @param reflection whether clients may ask for the contract
 * @param channelz whether administrators may look into the connections
 */
public record ServerSettings(
        String host,
        int port,
        int adminPort,
        int maxCalls,
        int maxStreams,
        int maxCallsPerConnection,
        int maxMessageBytes,
        Duration defaultDeadline,
        Duration drainTime,
        Duration drainNotice,
        boolean reflection,
        boolean channelz) {

    /** The defaults, on free ports of the loopback address: what tests want. */
    public static ServerSettings local() {
        return new ServerSettings(
                "127.0.0.1",
                0,
                0,
                2_048,
                4_096,
                1_024,
                4 * 1024 * 1024,
                Duration.ofSeconds(30),
                Duration.ofSeconds(20),
                Duration.ZERO,
                true,
                false);
    }

    /** Reads them, with the ports that the service has by default. */
    public static ServerSettings read(Settings settings, int defaultPort, int defaultAdminPort) {
        var d = local();
        return new ServerSettings(
                settings.text("SORTIE_HOST", d.host, "the address to listen at; 0.0.0.0 for all"),
                settings.port("SORTIE_GRPC_PORT", defaultPort, "the port of gRPC; 0 for any free one"),
                settings.port(
                        "SORTIE_ADMIN_PORT", defaultAdminPort, "the port of metrics and probes; 0 for any free one"),
                settings.integer("SORTIE_MAX_CALLS", d.maxCalls, 1, 100_000, "ordinary calls in hand at once"),
                settings.integer("SORTIE_MAX_STREAMS", d.maxStreams, 1, 100_000, "streams in hand at once"),
                settings.integer(
                        "SORTIE_MAX_CALLS_PER_CONNECTION",
                        d.maxCallsPerConnection,
                        1,
                        100_000,
                        "calls of one connection at once"),
                settings.integer(
                        "SORTIE_MAX_MESSAGE_BYTES",
                        d.maxMessageBytes,
                        64 * 1024,
                        64 * 1024 * 1024,
                        "the largest request message"),
                settings.duration(
                        "SORTIE_DEFAULT_DEADLINE",
                        d.defaultDeadline,
                        Duration.ofMillis(100),
                        Duration.ofMinutes(10),
                        "for ordinary calls whose caller gave none"),
                settings.duration(
                        "SORTIE_DRAIN_TIME",
                        d.drainTime,
                        Duration.ofMillis(100),
                        Duration.ofMinutes(10),
                        "what calls may take to end when the server stops"),
                settings.duration(
                        "SORTIE_DRAIN_NOTICE",
                        d.drainNotice,
                        Duration.ZERO,
                        Duration.ofMinutes(2),
                        "how long a stopping server still takes calls while balancers notice"),
                settings.flag("SORTIE_REFLECTION", d.reflection, "whether clients may ask for the contract"),
                settings.flag("SORTIE_CHANNELZ", d.channelz, "whether administrators may look into connections"));
    }
}
