package dev.sortie.mission.domain;

import dev.sortie.mission.store.LoginLimitStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.sql.Database;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How often a wrong password can be given for a username, whether or not there is such a user, and from an address: a few
 * times at once, and then once in a while. The right one wipes the slate of the username clean. Counted in the database,
 * so that all replicas share one limit; who is to wait is remembered here as well, so that a flood costs it nothing.
 */
public final class LoginLimits {
    /** How many wrong passwords are taken at once for a username. */
    public static final int ATTEMPTS = 10;
    /** How long it takes until one more is. */
    public static final Duration RECOVERY = Duration.ofSeconds(30);
    /** The same of an address, behind which there may be many people. */
    public static final int ATTEMPTS_OF_ADDRESS = 100;
    /** The same. */
    public static final Duration RECOVERY_OF_ADDRESS = Duration.ofSeconds(3);
    /** How many usernames and addresses the database remembers beyond a minute. */
    private static final int MAX_SUBJECTS = 500_000;

    private static final int MAX_REMEMBERED = 10_000;

    private final Database database;
    private final LoginLimitStore store;
    /** Until when a username or an address has to wait. */
    private final Map<ByteBuffer, Instant> waiting = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<ByteBuffer, Instant> eldest) {
            return size() > MAX_REMEMBERED;
        }
    };

    public LoginLimits(Database database, LoginLimitStore store) {
        this.database = database;
        this.store = store;
    }

    /**
     * Takes one attempt of a username and of an address. To be taken before the password is looked at, or many could be
     * tried at once.
     *
     * @param address empty when it is not known
     * @throws FailureException RESOURCE_EXHAUSTED when there is none
     */
    public void take(String username, String address) {
        var ofUsername = subject("username", username);
        var ofAddress = subject("address", address);
        checkRemembered(ofUsername);
        // The address first: who has none left takes none from anybody's username.
        if (!address.isEmpty()) {
            checkRemembered(ofAddress);
            take(ofAddress, RECOVERY_OF_ADDRESS, ATTEMPTS_OF_ADDRESS);
        }
        take(ofUsername, RECOVERY, ATTEMPTS);
    }

    /** The attempt was none: the password was not looked at. */
    public void giveBack(String username, String address) {
        var queries = database.queries();
        store.giveBack(queries, subject("username", username), RECOVERY);
        giveBackAddress(address);
    }

    /** The password was the right one. */
    public void reset(String username, String address) {
        store.remove(database.queries(), subject("username", username));
        giveBackAddress(address);
    }

    /** Forgets who has all attempts again. Called now and then. */
    public void purge() {
        var queries = database.queries();
        store.purge(queries, queries.now(), MAX_SUBJECTS);
    }

    private void giveBackAddress(String address) {
        if (!address.isEmpty()) {
            store.giveBack(database.queries(), subject("address", address), RECOVERY_OF_ADDRESS);
        }
    }

    private void take(byte[] subject, Duration recovery, int attempts) {
        var queries = database.queries();
        var burst = recovery.multipliedBy(attempts - 1L);
        if (!store.take(queries, subject, queries.now(), recovery, burst)) {
            var until = store.find(queries, subject).orElse(queries.now()).minus(burst);
            synchronized (waiting) {
                waiting.put(ByteBuffer.wrap(subject), until);
            }
            throw tooMany(Duration.between(queries.now(), until));
        }
    }

    private void checkRemembered(byte[] subject) {
        var now = database.queries().now();
        Instant until;
        synchronized (waiting) {
            until = waiting.get(ByteBuffer.wrap(subject));
            if (until != null && !until.isAfter(now)) {
                waiting.remove(ByteBuffer.wrap(subject));
            }
        }
        if (until != null && until.isAfter(now)) {
            throw tooMany(Duration.between(now, until));
        }
    }

    private static FailureException tooMany(Duration wait) {
        return Failure.resourceExhausted(
                        ErrorReason.ERROR_REASON_LOGIN_THROTTLED,
                        wait.isPositive() ? wait : Duration.ofMillis(1),
                        "too many wrong passwords were given for this username, or from this address; wait before the"
                                + " next one")
                .exception();
    }

    /** People type passwords where their name belongs: what they typed is not kept. */
    private static byte[] subject(String kind, String value) {
        try {
            return MessageDigest.getInstance("SHA-256").digest((kind + '\0' + value).getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
