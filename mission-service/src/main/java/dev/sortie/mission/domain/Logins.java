package dev.sortie.mission.domain;

import dev.sortie.mission.domain.AccessTokens.AccessToken;
import dev.sortie.mission.store.UserStore;
import dev.sortie.mission.store.UserStore.Credentials;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.sql.Queries;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Passwords for access tokens. */
public final class Logins {
    private static final Logger LOG = LoggerFactory.getLogger(Logins.class);

    private final UserStore store;
    private final Passwords passwords;
    private final AccessTokens accessTokens;

    public Logins(UserStore store, Passwords passwords, AccessTokens accessTokens) {
        this.store = store;
        this.passwords = passwords;
        this.accessTokens = accessTokens;
    }

    /** A username and a password. */
    public record Attempt(String username, String password) {
        @Override
        public String toString() {
            return "Attempt[" + username + "]";
        }
    }

    /** Who logged in, and with what they may call now. */
    public record Login(User user, AccessToken accessToken) {}

    /**
     * Checks a password and makes an access token. Whether the user is unknown, has no password, is deactivated or has
     * another password: one password is checked, and the answer is the same.
     */
    public Login login(Queries queries, Attempt attempt) {
        var credentials = store.findCredentials(queries, attempt.username());
        var hash = credentials.map(Credentials::passwordHash).orElse(null);
        var check = passwords.check(attempt.password(), hash);
        if (!check.fits()) {
            credentials.ifPresent(
                    of -> LOG.info("a login as {} was refused", of.user().userId()));
            throw refused();
        }
        // Deactivated, also in the very moment, is refused by this statement.
        var user = store.noteLogin(queries, credentials.orElseThrow().user().userId())
                .orElseThrow(Logins::refused);
        if (hash != null && check.newHash() != null) {
            store.replaceHash(queries, user.userId(), hash, check.newHash());
        }
        return new Login(user, accessTokens.issue(user, queries.now()));
    }

    private static RuntimeException refused() {
        return Failure.unauthenticated(
                        ErrorReason.ERROR_REASON_CREDENTIALS_WRONG, "no active user has this name and this password")
                .exception();
    }
}
