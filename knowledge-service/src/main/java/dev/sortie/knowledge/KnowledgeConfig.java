package dev.sortie.knowledge;

import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.sql.DatabaseSettings;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What knowledge-service is told.
 *
 * @param missionAddress {@code host:port} of mission-service, which knows who calls
 * @param serviceToken this service's own API token; null when it has none
 * @param indexFolder where the search index lies: this process's alone, and disposable
 */
public record KnowledgeConfig(
        ServerSettings server,
        DatabaseSettings database,
        String missionAddress,
        @Nullable String serviceToken,
        Path indexFolder) {

    private static final int GRPC_PORT = 7403;
    private static final int ADMIN_PORT = 7413;
    // A document of 1,048,576 characters of four bytes each, and what comes with it.
    private static final int LEAST_MESSAGE_BYTES = 5 * 1024 * 1024;

    /** Takes requests as large as the contract allows documents to be, whatever the server's settings say. */
    public KnowledgeConfig {
        if (server.maxMessageBytes() < LEAST_MESSAGE_BYTES) {
            server = new ServerSettings(
                    server.host(),
                    server.port(),
                    server.adminPort(),
                    server.maxCalls(),
                    server.maxStreams(),
                    server.maxCallsPerConnection(),
                    LEAST_MESSAGE_BYTES,
                    server.defaultDeadline(),
                    server.drainTime(),
                    server.drainNotice(),
                    server.reflection(),
                    server.channelz());
        }
    }

    /** Reads it, with a default for everything but the database and the token. */
    public static KnowledgeConfig read(Settings settings) {
        return new KnowledgeConfig(
                ServerSettings.read(settings, GRPC_PORT, ADMIN_PORT),
                DatabaseSettings.read(settings),
                settings.text("SORTIE_MISSION_ADDRESS", "127.0.0.1:7401", "host:port of mission-service"),
                settings.secret("SORTIE_SERVICE_TOKEN", "this service's own API token"),
                Path.of(settings.text(
                        "SORTIE_INDEX_FOLDER",
                        "data/knowledge-index",
                        "where the search index lies; each process needs a folder of its own; it can be deleted")));
    }

    @Override
    public String toString() {
        return "KnowledgeConfig[" + server.host() + ":" + server.port() + ", indexFolder=" + indexFolder + "]";
    }
}
