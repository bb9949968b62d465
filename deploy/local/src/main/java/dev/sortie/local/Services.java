package dev.sortie.local;

import dev.sortie.agent.AgentConfig;
import dev.sortie.agent.AgentServer;
import dev.sortie.knowledge.KnowledgeConfig;
import dev.sortie.knowledge.KnowledgeServer;
import dev.sortie.mission.MissionConfig;
import dev.sortie.mission.MissionServer;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.config.SettingsException;
import dev.sortie.runtime.sql.Migrations;
import java.net.BindException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The three servers in this JVM, configured by the very settings they have as processes of their own. Settings this
 * launcher does not give (limits, times) are taken from its own environment.
 *
 * @param environment the launcher's environment
 * @param folder the data folder
 * @param databases the services' databases
 * @param accounts the services' tokens
 * @param endpoints where they listen
 */
record Services(
        Map<String, String> environment,
        DataFolder folder,
        Databases databases,
        Accounts accounts,
        Endpoints endpoints) {

    private static final Logger LOG = LoggerFactory.getLogger(Services.class);

    /** Starts a service; it listens when this returns, and is ready some time after. */
    AutoCloseable start(String service) {
        var settings = Settings.of(settingsOf(service), List.of());
        try {
            return switch (service) {
                case "mission" -> MissionServer.start(checked(MissionConfig.read(settings), settings));
                case "agent" -> AgentServer.start(checked(AgentConfig.read(settings), settings));
                case "knowledge" -> KnowledgeServer.start(checked(KnowledgeConfig.read(settings), settings));
                default -> throw new IllegalArgumentException(service);
            };
        } catch (SettingsException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.error("Starting {}-service failed", service, e);
            var hint =
                    isBindFailure(e) ? " Choose another with --%1$s-port or --%1$s-admin-port.".formatted(service) : "";
            throw new LocalException(
                    "%s-service did not start: %s.%s%nMore in %s.".formatted(service, reason(e), hint, folder.logs()),
                    e);
        }
    }

    /** The schema of a service. */
    static Migrations migrations(String service) {
        return switch (service) {
            case "mission" -> MissionServer.IDENTITY.migrations();
            case "agent" -> AgentServer.IDENTITY.migrations();
            case "knowledge" -> KnowledgeServer.IDENTITY.migrations();
            default -> throw new IllegalArgumentException(service);
        };
    }

    private static <C> C checked(C config, Settings settings) {
        settings.check();
        return config;
    }

    /** Netty's native transports have an exception of their own for it, which shares nothing but the system's words. */
    private static boolean isBindFailure(@Nullable Throwable failure) {
        return failure != null
                && (failure instanceof BindException
                        || String.valueOf(failure.getMessage()).contains("Address already in use")
                        || isBindFailure(failure.getCause()));
    }

    /** The messages of a failure and its causes, since the first one alone often says too little. */
    private static String reason(Throwable failure) {
        var cause = failure.getCause();
        return cause == null ? String.valueOf(failure.getMessage()) : failure.getMessage() + ": " + reason(cause);
    }

    private Map<String, String> settingsOf(String service) {
        var settings = new TreeMap<>(environment);
        settings.put("SORTIE_DATABASE_URL", databases.of(service).runtime().toUrl());
        settings.remove("SORTIE_DATABASE_URL_FILE");
        settings.put("SORTIE_HOST", endpoints.host());
        settings.put("SORTIE_GRPC_PORT", String.valueOf(endpoints.grpc().get(service)));
        settings.put("SORTIE_ADMIN_PORT", String.valueOf(endpoints.http().get(service)));
        for (var peer : Databases.SERVICES) {
            settings.put("SORTIE_" + peer.toUpperCase(Locale.ROOT) + "_ADDRESS", endpoints.grpcAddress(peer));
        }
        settings.putAll(accounts.settingsOf(service));
        if (service.equals("mission")) {
            settings.putAll(accounts.settings());
            if (!environment.containsKey(CredentialKeys.SETTING)) {
                settings.putIfAbsent(
                        CredentialKeys.SETTING + "_FILE",
                        Accounts.credentialKeys(folder).toString());
            }
        }
        if (service.equals("agent")) {
            settings.putIfAbsent("SORTIE_ARCHIVE", folder.archive().toString());
        }
        if (service.equals("knowledge")) {
            settings.put("SORTIE_INDEX_FOLDER", folder.knowledge().toString());
        }
        return settings;
    }
}
