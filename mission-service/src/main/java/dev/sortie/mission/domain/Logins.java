package dev.sortie.mission.domain;

import dev.sortie.mission.domain.AccessTokens.AccessToken;
import dev.sortie.mission.store.UserStore;
import dev.sortie.mission.store.UserStore.Credentials;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Tx;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Passwords for access tokens, and refresh tokens for further ones. */
public final class Logins {
    private static final Logger LOG = LoggerFactory.getLogger(Logins.class);

    private final Database database;
    private final UserStore store;
    private final Passwords passwords;
    private final AccessTokens accessTokens;
    private final RefreshTokens refreshTokens;
    private final LoginLimits limits;

    public Logins(
            Database database,
            UserStore store,
            Passwords passwords,
            AccessTokens accessTokens,
            RefreshTokens refreshTokens,
            LoginLimits limits) {
        this.database = database;
        this.store = store;
        this.passwords = passwords;
        this.accessTokens = accessTokens;
        this.refreshTokens = refreshTokens;
        this.limits = limits;
    }

    /**
     * A username and a password.
     *
     * @param address where they come from; empty when that is not known
     */
    public record Attempt(String username, String password, String address) {
        @Override
        public String toString() {
            return "Attempt[" + username + "]";
        }
    }

    /** Who logged in, with what they may call now, and with what they go on later. */
    public record Login(User user, AccessToken accessToken, RefreshTokens.Issued refreshToken) {}

    /**
     * Checks a password and makes an access token. Whether the user is unknown, has no password, is deactivated or has
     * another password: one password is checked, and the answer is the same.
     */
    public Login login(Attempt attempt) {
        limits.take(attempt.username(), attempt.address());
        var credentials = store.findCredentials(database.queries(), attempt.username());
        var hash = credentials.map(Credentials::passwordHash).orElse(null);
        // Before the transaction: it takes longer than one should.
        Passwords.Check check;
        try {
            check = passwords.check(attempt.password(), hash);
        } catch (FailureException busy) {
            limits.giveBack(attempt.username(), attempt.address());
            throw busy;
        }
        if (!check.fits() || hash == null) {
            credentials.ifPresent(
                    of -> LOG.info("a login as {} was refused", of.user().userId()));
            throw refused();
        }
        var userId = credentials.orElseThrow().user().userId();
        var login = database.transaction(tx -> enter(tx, userId, hash, check.newHash()))
                .orElseThrow(Logins::refused);
        limits.reset(attempt.username(), attempt.address());
        return login;
    }

    /** Exchanges a refresh token for the next one and an access token. */
    public Login refresh(String refreshToken) {
        return database.transaction(tx -> refreshTokens
                        .exchange(tx, refreshToken)
                        .map(exchanged -> new Login(
                                exchanged.user(), accessTokens.issue(exchanged.user(), tx.now()), exchanged.next())))
                .orElseThrow(() -> Failure.unauthenticated(
                                ErrorReason.ERROR_REASON_REFRESH_TOKEN_INVALID,
                                "the refresh token does not work (any more); log in again")
                        .exception());
    }

    /** Empty when the user has been deactivated, or has got another password, also in the very moment. */
    private Optional<Login> enter(Tx tx, UUID userId, String checkedHash, @Nullable String newHash) {
        return store.lockCredentials(tx, userId)
                .filter(present -> checkedHash.equals(present.passwordHash()))
                .flatMap(_ -> store.noteLogin(tx, userId))
                .map(user -> {
                    if (newHash != null) {
                        store.replaceHash(tx, userId, checkedHash, newHash);
                    }
                    return new Login(user, accessTokens.issue(user, tx.now()), refreshTokens.issue(tx, userId));
                });
    }

    private static RuntimeException refused() {
        return Failure.unauthenticated(
                        ErrorReason.ERROR_REASON_CREDENTIALS_WRONG, "no active user has this name and this password")
                .exception();
    }
}
