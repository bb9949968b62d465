package dev.sortie.mission.domain;

import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.sql.Tx;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes sure that the accounts which the configuration names exist and may call with the secrets that it gives: the
 * services, and the first administrator. Repeatable, and safe in several replicas at once.
 */
public final class Bootstrap {
    /** The name of tokens that come from the configuration. */
    public static final String TOKEN_NAME = "given by the configuration";

    private static final String ADMINISTRATOR = "admin";

    private final Users users;
    private final UserTokens tokens;

    public Bootstrap(Users users, UserTokens tokens) {
        this.users = users;
        this.tokens = tokens;
    }

    /**
     * A service and a secret that it calls with.
     *
     * @param name its username, such as {@code agent-service}
     */
    public record ServiceAccount(String name, String secret) {
        @Override
        public String toString() {
            return "ServiceAccount[" + name + "]";
        }
    }

    /**
     * Ensures the accounts. A service has the given secrets and no older ones of the configuration: one that is no
     * longer given is revoked.
     *
     * @param services one service may have several secrets, while they are being changed
     * @param administratorSecret of the user {@code admin}; null to leave administrators alone
     * @return the names of the accounts with a secret that somebody has revoked, and that therefore does not work
     */
    public List<String> ensure(Tx tx, List<ServiceAccount> services, @Nullable String administratorSecret) {
        var revoked = new ArrayList<String>();
        var secrets = new LinkedHashMap<String, List<String>>();
        for (var service : services) {
            secrets.computeIfAbsent(service.name(), _ -> new ArrayList<>()).add(service.secret());
        }
        // In one order everywhere, so that replicas that start together wait for each other and not in a circle.
        secrets.entrySet().stream()
                .sorted(java.util.Map.Entry.comparingByKey())
                .filter(entry -> !ensure(tx, entry.getKey(), Role.ADMIN, UserKind.SERVICE, entry.getValue()))
                .forEach(entry -> revoked.add(entry.getKey()));
        if (administratorSecret != null
                && !ensure(tx, ADMINISTRATOR, Role.ADMIN, UserKind.HUMAN, List.of(administratorSecret))) {
            revoked.add(ADMINISTRATOR);
        }
        return revoked;
    }

    private boolean ensure(Tx tx, String username, Role role, UserKind kind, List<String> secrets) {
        var user = users.ensure(tx, new UserDraft(username, username + "@localhost", "", role, kind, "{}", null));
        if (user.kind() != kind) {
            throw new IllegalStateException(
                    username + " is an account of kind " + user.kind() + " (expected: " + kind + ")");
        }
        return tokens.ensure(tx, user.userId(), TOKEN_NAME, secrets) == 0;
    }
}
