package dev.sortie.local;

import dev.sortie.mission.domain.CredentialKeyset;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.runtime.identity.ApiTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The accounts that exist from the first start on: an administrator, and one for each service to call the others with.
 * Their tokens are made here and kept in the data folder; mission-service makes the accounts when it starts.
 *
 * @param folder the data folder
 * @param first whether the administrator's token was made by this call
 */
record Accounts(DataFolder folder, boolean first) {

    /** The keys that mission-service encrypts credentials with. */
    private static final String CREDENTIAL_KEYS = "credential.keys";

    private static final SecureRandom RANDOM = new SecureRandom();

    /** Makes what is missing. */
    static Accounts ensure(DataFolder folder) {
        var secrets = new Secrets(folder.secrets());
        secrets.getOrCreate("signing.key", SigningKeys::generate);
        secrets.getOrCreate(CREDENTIAL_KEYS, CredentialKeyset::generate);
        for (var service : Databases.SERVICES) {
            secrets.getOrCreate(tokenOf(service), Accounts::token);
        }
        var first = !Files.exists(folder.adminToken());
        if (first) {
            try {
                DataFolder.writePrivately(folder.adminToken(), token() + "\n");
            } catch (IOException e) {
                throw new LocalException(folder.adminToken() + " cannot be written: " + DataFolder.describe(e), e);
            }
        }
        return new Accounts(folder, first);
    }

    /** The settings by which mission-service makes the accounts. */
    Map<String, String> settings() {
        var secrets = new Secrets(folder.secrets());
        var settings = new TreeMap<String, String>();
        settings.put("SORTIE_SIGNING_KEY_FILE", secrets.file("signing.key").toString());
        settings.put("SORTIE_ADMIN_TOKEN_FILE", folder.adminToken().toString());
        settings.put(
                "SORTIE_SERVICE_ACCOUNTS",
                Databases.SERVICES.stream()
                        .map(service -> service + "-service=" + secrets.getOrCreate(tokenOf(service), Accounts::token))
                        .collect(Collectors.joining(",")));
        return settings;
    }

    /** The file of the keys that credentials are encrypted with. */
    static Path credentialKeys(DataFolder folder) {
        return new Secrets(folder.secrets()).file(CREDENTIAL_KEYS);
    }

    /** The setting by which a service knows its own token. */
    Map<String, String> settingsOf(String service) {
        return Map.of(
                "SORTIE_SERVICE_TOKEN_FILE",
                new Secrets(folder.secrets()).file(tokenOf(service)).toString());
    }

    /** The administrator's token. */
    String adminToken() {
        try {
            return Files.readString(folder.adminToken()).strip();
        } catch (IOException e) {
            throw new LocalException(folder.adminToken() + " cannot be read: " + DataFolder.describe(e), e);
        }
    }

    private static String tokenOf(String service) {
        return service + "-service.token";
    }

    private static String token() {
        return ApiTokens.generate(RANDOM);
    }
}
