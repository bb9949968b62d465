package dev.sortie.agent;

import dev.sortie.agent.archive.ArchiveSettings;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.sql.DatabaseSettings;
import org.jspecify.annotations.Nullable;

/**
 * What agent-service is told when it starts.
 *
 * @param missionAddress where mission-service is: {@code host:port}
 * @param serviceToken this service's own API token; without it, orders for tool steps cannot be checked
 * @param maxSessions work sessions at once; further ones are refused with a retry time
 * @param archive where old executions are kept
 */
public record AgentConfig(
        ServerSettings server,
        DatabaseSettings database,
        String missionAddress,
        @Nullable String serviceToken,
        int maxSessions,
        ArchiveSettings archive) {
    /** The most work sessions at once, unless it is told otherwise. */
    static final int MAX_SESSIONS = 2_000;

    /** Reads it, once. */
    public static AgentConfig read(Settings settings) {
        return new AgentConfig(
                ServerSettings.read(settings, 7402, 7412),
                DatabaseSettings.read(settings),
                settings.text("SORTIE_MISSION_ADDRESS", "127.0.0.1:7401", "mission-service, as host:port"),
                settings.secret("SORTIE_SERVICE_TOKEN", "this service's own API token"),
                settings.integer("SORTIE_MAX_SESSIONS", MAX_SESSIONS, 1, 100_000, "work sessions at once"),
                ArchiveSettings.read(settings));
    }

    @Override
    public String toString() {
        return "AgentConfig[missionAddress=" + missionAddress + "]"; // the rest holds secrets
    }
}
