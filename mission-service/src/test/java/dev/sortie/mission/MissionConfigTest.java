package dev.sortie.mission;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.mission.api.ClientAddresses.Network;
import dev.sortie.mission.domain.Bootstrap.ServiceAccount;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.mission.domain.CredentialKeyset;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.domain.TransferSettings;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.config.SettingsException;
import dev.sortie.runtime.identity.ApiTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MissionConfigTest {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final String KEY = SigningKeys.generate();
    private static final String URL = "postgresql://mission:secret@db.example:5432/mission";

    @Test
    void hasDefaultsForAllButTheDatabaseAndTheKey() {
        var config = read(Map.of());
        assertThat(config.server().host()).isEqualTo("127.0.0.1");
        assertThat(config.server().port()).isEqualTo(7401);
        assertThat(config.server().adminPort()).isEqualTo(7411);
        assertThat(config.credentialKeys()).isEqualTo(CredentialKeys.Source.NONE);
        assertThat(config.serviceAccounts()).isEmpty();
        assertThat(config.trustedProxies()).isEmpty();
        assertThat(config.adminToken()).isNull();
        assertThat(config.loginsAtOnce()).isEqualTo(2);
        assertThat(config.loginsWaiting()).isEqualTo(64);
        assertThat(config.agentAddress()).isEqualTo("127.0.0.1:7402");
        assertThat(config.serviceToken()).isEmpty();
        assertThat(config.deadlineWarning()).isEqualTo(Duration.ofHours(24));
        assertThat(config.transfers()).isEqualTo(new TransferSettings(16, 64, Duration.ofMinutes(1), 1L << 30));
    }

    @Test
    void readsEverySetting(@TempDir Path folder) throws IOException {
        var agent = ApiTokens.generate(RANDOM);
        var knowledge = ApiTokens.generate(RANDOM);
        var admin = ApiTokens.generate(RANDOM);
        var accounts = Files.writeString(
                folder.resolve("accounts"), "agent-service=" + agent + "\nknowledge-service=" + knowledge + "\n");
        var keys = Files.writeString(folder.resolve("keys"), CredentialKeyset.generate() + "\n");
        var config = read(Map.ofEntries(
                entry("SORTIE_GRPC_PORT", "1"),
                entry("SORTIE_CREDENTIAL_KEYS_FILE", keys.toString()),
                entry("SORTIE_ADMIN_PORT", "2"),
                entry("SORTIE_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1"),
                entry("SORTIE_SERVICE_ACCOUNTS_FILE", accounts.toString()),
                entry("SORTIE_ADMIN_TOKEN", admin),
                entry("SORTIE_LOGINS_AT_ONCE", "3"),
                entry("SORTIE_LOGINS_WAITING", "4"),
                entry("SORTIE_AGENT_ADDRESS", "agent.example:7"),
                entry("SORTIE_SERVICE_TOKEN", "own"),
                entry("SORTIE_DEADLINE_WARNING", "3d"),
                entry("SORTIE_UPLOADS_AT_ONCE", "5"),
                entry("SORTIE_DOWNLOADS_AT_ONCE", "6"),
                entry("SORTIE_TRANSFER_IDLE_TIME", "7s"),
                entry("SORTIE_MAX_CONTENT_MIB", "8")));
        assertThat(config.transfers()).isEqualTo(new TransferSettings(5, 6, Duration.ofSeconds(7), 8L << 20));
        assertThat(config.server().port()).isEqualTo(1);
        assertThat(config.server().adminPort()).isEqualTo(2);
        assertThat(config.database().url()).isEqualTo(URL);
        assertThat(config.signingKeys().current().keyId())
                .isEqualTo(SigningKeys.parse(KEY).current().keyId());
        assertThat(config.serviceAccounts())
                .containsExactly(
                        new ServiceAccount("agent-service", agent), new ServiceAccount("knowledge-service", knowledge));
        assertThat(config.credentialKeys())
                .isEqualTo(new CredentialKeys.Source(Files.readString(keys).strip(), keys));
        assertThat(config.adminToken()).isEqualTo(admin);
        assertThat(config.loginsAtOnce()).isEqualTo(3);
        assertThat(config.loginsWaiting()).isEqualTo(4);
        assertThat(config.trustedProxies()).containsExactly(Network.parse("10.0.0.0/8"), Network.parse("2001:db8::1"));
        assertThat(config.agentAddress()).isEqualTo("agent.example:7");
        assertThat(config.serviceToken()).isEqualTo("own");
        assertThat(config.deadlineWarning()).isEqualTo(Duration.ofDays(3));
    }

    @Test
    void takesAccountsInOneLineToo() {
        var one = ApiTokens.generate(RANDOM);
        var other = ApiTokens.generate(RANDOM);
        assertThat(read(Map.of("SORTIE_SERVICE_ACCOUNTS", "a=" + one + ",a=" + other))
                        .serviceAccounts())
                .containsExactly(new ServiceAccount("a", one), new ServiceAccount("a", other));
    }

    @Test
    void tellsEverythingThatIsWrongAtOnceAndNoSecret() {
        var settings = Settings.of(
                Map.of(
                        "SORTIE_SIGNING_KEY", "hidden-key",
                        "SORTIE_SERVICE_ACCOUNTS", "agent-service=hidden-token",
                        "SORTIE_ADMIN_TOKEN", "hidden-admin",
                        "SORTIE_CREDENTIAL_KEYS", "hidden-keys",
                        "SORTIE_TRUSTED_PROXIES", "proxy.example",
                        "SORTIE_LOGINS_AT_ONCE", "0",
                        "SORTIE_DEADLINE_WARNING", "soon"),
                List.of());
        MissionConfig.read(settings);
        assertThatThrownBy(settings::check)
                .isInstanceOf(SettingsException.class)
                .hasMessageContainingAll(
                        "SORTIE_DATABASE_URL",
                        "SORTIE_SIGNING_KEY",
                        "SORTIE_SERVICE_ACCOUNTS",
                        "SORTIE_CREDENTIAL_KEYS",
                        "SORTIE_ADMIN_TOKEN",
                        "SORTIE_TRUSTED_PROXIES: proxy.example",
                        "SORTIE_LOGINS_AT_ONCE",
                        "SORTIE_DEADLINE_WARNING")
                .hasMessageNotContaining("hidden");
    }

    @Test
    void asksForASigningKey() {
        var settings = Settings.of(Map.of("SORTIE_DATABASE_URL", URL), List.of());
        MissionConfig.read(settings);
        assertThatThrownBy(settings::check)
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("SORTIE_SIGNING_KEY: is required");
    }

    @Test
    void keepsSecretsToItself() {
        var admin = ApiTokens.generate(RANDOM);
        var agent = ApiTokens.generate(RANDOM);
        var keys = CredentialKeyset.generate();
        var config = read(Map.of(
                "SORTIE_CREDENTIAL_KEYS",
                keys,
                "SORTIE_ADMIN_TOKEN",
                admin,
                "SORTIE_SERVICE_ACCOUNTS",
                "agent-service=" + agent,
                "SORTIE_SERVICE_TOKEN",
                "own-token"));
        assertThat(config.toString()).doesNotContain(admin, agent, keys, "own-token", "secret");
    }

    private static MissionConfig read(Map<String, String> environment) {
        var whole = new HashMap<>(environment);
        whole.put("SORTIE_DATABASE_URL", URL);
        whole.put("SORTIE_SIGNING_KEY", KEY);
        var settings = Settings.of(whole, List.of());
        var config = MissionConfig.read(settings);
        settings.check();
        return config;
    }
}
