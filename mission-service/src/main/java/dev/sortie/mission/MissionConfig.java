package dev.sortie.mission;

import dev.sortie.mission.api.ClientAddresses;
import dev.sortie.mission.domain.Bootstrap.ServiceAccount;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.mission.domain.CredentialKeyset;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.domain.TransferSettings;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.sql.DatabaseSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The settings of mission-service, read once.
 *
 * @param server how it listens and what it takes on
 * @param database where its data is
 * @param signingKeys of access tokens
 * @param credentialKeys what credentials for resources are encrypted with
 * @param serviceAccounts the services that may call, with their API tokens
 * @param adminToken the API token of the user {@code admin}; null to leave administrators alone
 * @param loginsAtOnce passwords that are checked at the same time, each in 19 MiB
 * @param loginsWaiting passwords that wait for their check; further ones are refused
 * @param trustedProxies the proxies whose word about callers' addresses is believed
 * @param agentAddress where agent-service is
 * @param serviceToken the API token with which this service calls the others; empty when it calls none
 * @param transfers what it takes on to move the contents of assets
 * @param deadlineWarning how long before a deadline there is a warning of it
 */
public record MissionConfig(
        ServerSettings server,
        DatabaseSettings database,
        SigningKeys signingKeys,
        CredentialKeys.Source credentialKeys,
        List<ServiceAccount> serviceAccounts,
        @Nullable String adminToken,
        int loginsAtOnce,
        int loginsWaiting,
        List<ClientAddresses.Network> trustedProxies,
        String agentAddress,
        String serviceToken,
        TransferSettings transfers,
        Duration deadlineWarning) {

    /** The port of gRPC, unless set otherwise. */
    public static final int DEFAULT_PORT = 7401;
    /** The port of metrics and probes, unless set otherwise. */
    public static final int DEFAULT_ADMIN_PORT = 7411;
    /** Where agent-service is, unless set otherwise. */
    public static final String DEFAULT_AGENT_ADDRESS = "127.0.0.1:7402";

    private static final String NOWHERE = "127.0.0.1:1";
    private static final Duration DEFAULT_DEADLINE_WARNING = Duration.ofHours(24);
    private static final int DEFAULT_LOGINS_AT_ONCE = 2;
    private static final int DEFAULT_LOGINS_WAITING = 64;

    /**
     * What tests want: the least that must be said, the rest by default, on free ports of the loopback address, and no
     * agent-service.
     */
    public static MissionConfig local(String databaseUrl, SigningKeys signingKeys) {
        return new MissionConfig(
                ServerSettings.local(),
                DatabaseSettings.of(databaseUrl),
                signingKeys,
                CredentialKeys.Source.NONE,
                List.of(),
                null,
                DEFAULT_LOGINS_AT_ONCE,
                DEFAULT_LOGINS_WAITING,
                List.of(),
                NOWHERE,
                "",
                TransferSettings.DEFAULT,
                DEFAULT_DEADLINE_WARNING);
    }

    /** Reads the settings; what is wrong with them is told by {@link Settings#check}. */
    public static MissionConfig read(Settings settings) {
        var serviceToken =
                settings.secret("SORTIE_SERVICE_TOKEN", "the API token with which this service calls others");
        return new MissionConfig(
                ServerSettings.read(settings, DEFAULT_PORT, DEFAULT_ADMIN_PORT),
                DatabaseSettings.read(settings),
                signingKeys(settings),
                credentialKeys(settings),
                serviceAccounts(settings),
                adminToken(settings),
                settings.integer(
                        "SORTIE_LOGINS_AT_ONCE",
                        DEFAULT_LOGINS_AT_ONCE,
                        1,
                        256,
                        "passwords checked at the same time, each in 19 MiB of memory"),
                settings.integer(
                        "SORTIE_LOGINS_WAITING",
                        DEFAULT_LOGINS_WAITING,
                        1,
                        10_000,
                        "passwords that wait for their check; further ones are refused"),
                trustedProxies(settings),
                settings.text("SORTIE_AGENT_ADDRESS", DEFAULT_AGENT_ADDRESS, "where agent-service is: host:port"),
                serviceToken == null ? "" : serviceToken,
                transfers(settings),
                settings.duration(
                        "SORTIE_DEADLINE_WARNING",
                        DEFAULT_DEADLINE_WARNING,
                        Duration.ZERO,
                        Duration.ofDays(365),
                        "how long before a deadline there is a warning of it"));
    }

    /** The same with these accounts. */
    public MissionConfig withAccounts(List<ServiceAccount> accounts, @Nullable String administratorToken) {
        return new MissionConfig(
                server,
                database,
                signingKeys,
                credentialKeys,
                List.copyOf(accounts),
                administratorToken,
                loginsAtOnce,
                loginsWaiting,
                trustedProxies,
                agentAddress,
                serviceToken,
                transfers,
                deadlineWarning);
    }

    /** The same with bounds for password checks. */
    public MissionConfig withLogins(int atOnce, int waiting) {
        return new MissionConfig(
                server,
                database,
                signingKeys,
                credentialKeys,
                serviceAccounts,
                adminToken,
                atOnce,
                waiting,
                trustedProxies,
                agentAddress,
                serviceToken,
                transfers,
                deadlineWarning);
    }

    /** The same with the way to agent-service. */
    public MissionConfig withAgent(String address, String token) {
        return new MissionConfig(
                server,
                database,
                signingKeys,
                credentialKeys,
                serviceAccounts,
                adminToken,
                loginsAtOnce,
                loginsWaiting,
                trustedProxies,
                address,
                token,
                transfers,
                deadlineWarning);
    }

    /** The same with bounds for the transfer of contents. */
    public MissionConfig withTransfers(TransferSettings bounds) {
        return new MissionConfig(
                server,
                database,
                signingKeys,
                credentialKeys,
                serviceAccounts,
                adminToken,
                loginsAtOnce,
                loginsWaiting,
                trustedProxies,
                agentAddress,
                serviceToken,
                bounds,
                deadlineWarning);
    }

    /** The same behind proxies. */
    public MissionConfig withTrustedProxies(List<ClientAddresses.Network> proxies) {
        return new MissionConfig(
                server,
                database,
                signingKeys,
                credentialKeys,
                serviceAccounts,
                adminToken,
                loginsAtOnce,
                loginsWaiting,
                List.copyOf(proxies),
                agentAddress,
                serviceToken,
                transfers,
                deadlineWarning);
    }

    /** The same with keys for credentials. */
    public MissionConfig withCredentialKeys(CredentialKeys.Source keys) {
        return new MissionConfig(
                server,
                database,
                signingKeys,
                keys,
                serviceAccounts,
                adminToken,
                loginsAtOnce,
                loginsWaiting,
                trustedProxies,
                agentAddress,
                serviceToken,
                transfers,
                deadlineWarning);
    }

    @Override
    public String toString() {
        return "MissionConfig[" + server + ", " + database + ", " + serviceAccounts + "]"; // no secrets
    }

    private static TransferSettings transfers(Settings settings) {
        var d = TransferSettings.DEFAULT;
        return new TransferSettings(
                settings.integer(
                        "SORTIE_UPLOADS_AT_ONCE",
                        d.uploadsAtOnce(),
                        1,
                        1_000,
                        "contents of assets taken at the same time, each in some 8 MiB of memory"),
                settings.integer(
                        "SORTIE_DOWNLOADS_AT_ONCE",
                        d.downloadsAtOnce(),
                        1,
                        10_000,
                        "contents of assets given at the same time, each in about 1 MiB of memory"),
                settings.duration(
                        "SORTIE_TRANSFER_IDLE_TIME",
                        d.idleTime(),
                        Duration.ofSeconds(1),
                        Duration.ofHours(1),
                        "how long an upload may send nothing, and a download take nothing"),
                1024L
                        * 1024
                        * settings.integer(
                                "SORTIE_MAX_CONTENT_MIB",
                                (int) (d.maxBytes() >> 20),
                                1,
                                (int) (TransferSettings.MOST_BYTES >> 20),
                                "the largest streamed content of an asset, in MiB"));
    }

    private static SigningKeys signingKeys(Settings settings) {
        var name = "SORTIE_SIGNING_KEY";
        var text = settings.secret(
                name, "Ed25519 private keys of access tokens: PEM (PKCS #8), JWK or JWK set; the first signs");
        if (text == null) {
            settings.problem(name + ": is required (an Ed25519 private key)");
        } else {
            try {
                return SigningKeys.parse(text);
            } catch (IllegalArgumentException malformed) {
                settings.problem(name + ": unreadable (" + malformed.getMessage() + ")");
            }
        }
        return SigningKeys.parse(SigningKeys.generate()); // stands in until the problem is told
    }

    private static List<ClientAddresses.Network> trustedProxies(Settings settings) {
        var name = "SORTIE_TRUSTED_PROXIES";
        var text = settings.text(
                name, "", "proxies whose x-forwarded-for is believed: addresses and networks such as 10.0.0.0/8");
        var networks = new ArrayList<ClientAddresses.Network>();
        for (var entry : text.isBlank() ? new String[0] : text.strip().split("[,\\s]+", -1)) {
            try {
                networks.add(ClientAddresses.Network.parse(entry));
            } catch (IllegalArgumentException _) {
                settings.problem(name + ": " + entry + " (expected: an address, or a network such as 10.0.0.0/8)");
            }
        }
        return List.copyOf(networks);
    }

    private static CredentialKeys.Source credentialKeys(Settings settings) {
        var name = CredentialKeys.SETTING;
        var about = "what credentials for resources are encrypted with: a Tink keyset of AEAD keys in JSON";
        var text = settings.secret(name, about);
        var file = settings.text(name + "_FILE", "", about);
        if (text == null) {
            return CredentialKeys.Source.NONE;
        }
        try {
            CredentialKeyset.parse(text);
            return new CredentialKeys.Source(text, file.isEmpty() ? null : Path.of(file));
        } catch (IllegalArgumentException malformed) {
            settings.problem(name + ": unreadable (" + malformed.getMessage() + ")");
            return CredentialKeys.Source.NONE;
        }
    }

    private static List<ServiceAccount> serviceAccounts(Settings settings) {
        var name = "SORTIE_SERVICE_ACCOUNTS";
        var text = settings.secret(name, "the services that may call, with their API tokens: name=token,name=token");
        var accounts = new ArrayList<ServiceAccount>();
        for (var entry : text == null ? new String[0] : text.strip().split("[,\\s]+", -1)) {
            var parts = entry.split("=", 2);
            if (parts.length < 2 || !parts[0].matches("[a-z][a-z0-9._-]{0,49}") || !ApiTokens.isWellFormed(parts[1])) {
                settings.problem(name + ": entry " + (accounts.size() + 1) + " (expected: name=sortie_…)");
                return List.of();
            }
            accounts.add(new ServiceAccount(parts[0], parts[1]));
        }
        return List.copyOf(accounts);
    }

    private static @Nullable String adminToken(Settings settings) {
        var name = "SORTIE_ADMIN_TOKEN";
        var token = settings.secret(name, "the API token of the user admin, made where it is missing");
        if (token != null && !ApiTokens.isWellFormed(token)) {
            settings.problem(name + ": not an API token (expected: sortie_…)");
        }
        return token;
    }
}
