package dev.sortie.mission.domain;

import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.text.Normalizer;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.bouncycastle.crypto.params.Argon2Parameters;
import org.jspecify.annotations.Nullable;

/**
 * Password hashes: argon2id with 19 MiB, 2 passes and 1 lane, in argon2's own notation. Each costs memory and tens of
 * milliseconds of a processor on purpose, so only a few are made at once, a few more wait, and the rest is refused.
 *
 * <p>Hashes of other costs, and the bcrypt hashes of older systems, are checked too; {@link #check} replaces them. Until
 * then a wrong password takes as long as the old hash does.
 */
public final class Passwords implements AutoCloseable {
    private static final int MEMORY_KIB = 19 * 1024;
    private static final int PASSES = 2;
    private static final int LANES = 1;
    private static final int SALT_BYTES = 16;
    private static final int HASH_BYTES = 32;
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);
    private static final Pattern NOTATION = Pattern.compile(
            "\\$argon2id\\$v=19\\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})\\$([A-Za-z0-9+/]+)\\$([A-Za-z0-9+/]+)");
    /** Costs above 2^16 would keep a processor for half a minute and more. */
    private static final Pattern BCRYPT = Pattern.compile("\\$2[aby]\\$(?:0[4-9]|1[0-6])\\$[./A-Za-z0-9]{53}");

    private static final String PREFIX = "$argon2id$v=19$m=%d,t=%d,p=%d$".formatted(MEMORY_KIB, PASSES, LANES);
    private static final Base64.Encoder BASE64 = Base64.getEncoder().withoutPadding();

    private final SecureRandom random;
    private final ThreadPoolExecutor executor;
    private final String hashOfNobody;

    /**
     * @param atOnce hashes made at the same time
     * @param waiting hashes that wait for their turn; further ones are refused
     */
    public Passwords(int atOnce, int waiting, SecureRandom random) {
        this.random = random;
        this.executor = new ThreadPoolExecutor(
                atOnce,
                atOnce,
                30,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(waiting),
                Thread.ofPlatform().daemon().name("password-", 0).factory());
        this.executor.allowCoreThreadTimeOut(true);
        this.hashOfNobody = notation(randomBytes(SALT_BYTES), randomBytes(HASH_BYTES));
    }

    /**
     * The hash to keep of a password.
     *
     * @throws dev.sortie.runtime.failure.FailureException RESOURCE_EXHAUSTED when too many are being made
     */
    public String hash(String password) {
        return await(() -> make(password));
    }

    /**
     * True when the password is the one that was hashed. Takes as long when there is no hash.
     *
     * @param hash as {@link #hash} made it; null where there is none, which no password fits
     * @throws dev.sortie.runtime.failure.FailureException RESOURCE_EXHAUSTED when too many are being checked
     */
    public boolean verify(String password, @Nullable String hash) {
        return await(() -> matches(password, hash == null ? hashOfNobody : hash)) && hash != null;
    }

    /**
     * What came of a check.
     *
     * @param newHash to keep in the place of the old one, which is not what {@link #hash} makes today; else null
     */
    public record Check(boolean fits, @Nullable String newHash) {
        @Override
        public String toString() {
            return "Check[" + fits + "]"; // no hash in a log
        }
    }

    /**
     * As {@link #verify}, and makes a new hash of a password that fits an outdated one.
     *
     * @throws dev.sortie.runtime.failure.FailureException RESOURCE_EXHAUSTED when too many are being checked
     */
    public Check check(String password, @Nullable String hash) {
        return await(() -> {
            boolean fits = matches(password, hash == null ? hashOfNobody : hash);
            if (!fits || hash == null) {
                return new Check(false, null);
            }
            return new Check(true, hash.startsWith(PREFIX) ? null : make(password));
        });
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }

    /** Whether this is a hash of an older system that {@link #check} takes. */
    static boolean isBcrypt(String hash) {
        return BCRYPT.matcher(hash).matches();
    }

    /** Of a password that nobody knows: to check it costs what any other costs, and it never fits. */
    String hashOfNobody() {
        return hashOfNobody;
    }

    private <T> T await(Callable<T> work) {
        Future<T> future;
        try {
            future = executor.submit(work);
        } catch (RejectedExecutionException full) {
            throw Failure.resourceExhausted(
                            ErrorReason.ERROR_REASON_LOGIN_BUSY,
                            RETRY_AFTER,
                            "as many passwords are being checked as may be at once; try again")
                    .exception();
        }
        try {
            return future.get();
        } catch (InterruptedException interrupted) {
            future.cancel(false);
            executor.remove((Runnable) future);
            Thread.currentThread().interrupt();
            throw new CancellationException();
        } catch (ExecutionException failed) {
            throw new IllegalStateException("hashing a password", failed.getCause());
        }
    }

    private String make(String password) {
        var salt = randomBytes(SALT_BYTES);
        return notation(salt, argon2(password, salt, MEMORY_KIB, PASSES, LANES, HASH_BYTES));
    }

    private static boolean matches(String password, String hash) {
        if (BCRYPT.matcher(hash).matches()) {
            // As it was typed: whoever made the hash did not compose accents anew. Bytes after the 72nd never counted.
            return OpenBSDBCrypt.checkPassword(hash, password.getBytes(StandardCharsets.UTF_8));
        }
        var parts = NOTATION.matcher(hash);
        if (!parts.matches()) {
            throw new IllegalStateException("a stored password hash has an unknown form");
        }
        var salt = Base64.getDecoder().decode(parts.group(4));
        var expected = Base64.getDecoder().decode(parts.group(5));
        var actual = argon2(
                password,
                salt,
                Integer.parseInt(parts.group(1)),
                Integer.parseInt(parts.group(2)),
                Integer.parseInt(parts.group(3)),
                expected.length);
        return MessageDigest.isEqual(expected, actual);
    }

    private static byte[] argon2(String password, byte[] salt, int memoryKib, int passes, int lanes, int length) {
        var generator = new Argon2BytesGenerator();
        generator.init(new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
                .withVersion(Argon2Parameters.ARGON2_VERSION_13)
                .withMemoryAsKB(memoryKib)
                .withIterations(passes)
                .withParallelism(lanes)
                .withSalt(salt)
                .build());
        var hash = new byte[length];
        // One password, whichever way a keyboard composes its accents.
        var normal = Normalizer.normalize(password, Normalizer.Form.NFC).getBytes(StandardCharsets.UTF_8);
        generator.generateBytes(normal, hash);
        return hash;
    }

    private static String notation(byte[] salt, byte[] hash) {
        return PREFIX + BASE64.encodeToString(salt) + "$" + BASE64.encodeToString(hash);
    }

    private byte[] randomBytes(int count) {
        var bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }
}
