package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.runtime.failure.Failure.ResourceExhausted;
import dev.sortie.runtime.failure.FailureException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class PasswordsTest {
    @AutoClose
    private final Passwords passwords = new Passwords(2, 100, new SecureRandom());

    @Test
    void hashesInArgon2sOwnNotationWithANewSaltEachTime() {
        var one = passwords.hash("correct horse battery");
        var other = passwords.hash("correct horse battery");
        assertThat(one).startsWith("$argon2id$v=19$m=19456,t=2,p=1$").hasSizeLessThan(255);
        assertThat(other).isNotEqualTo(one);
    }

    @Test
    void knowsThePasswordAndNoOther() {
        var hash = passwords.hash("correct horse battery");
        assertThat(passwords.verify("correct horse battery", hash)).isTrue();
        assertThat(passwords.verify("correct horse batterz", hash)).isFalse();
        assertThat(passwords.verify("", hash)).isFalse();
    }

    @Test
    void fitsNothingWhereThereIsNoHash() {
        assertThat(passwords.verify("correct horse battery", null)).isFalse();
    }

    @Test
    void worksAsHardWhereThereIsNoHash() {
        var some = passwords.hash("correct horse battery").split("\\$");
        var none = passwords.hashOfNobody().split("\\$");
        assertThat(Arrays.copyOf(none, 4)).isEqualTo(Arrays.copyOf(some, 4));
        assertThat(none[4]).hasSameSizeAs(some[4]).isNotEqualTo(some[4]);
        assertThat(none[5]).hasSameSizeAs(some[5]);
    }

    @Test
    void takesAccentsForTheSameHoweverTheyAreComposed() {
        var hash = passwords.hash("caf\u00e9 caf\u00e9 caf\u00e9");
        assertThat(passwords.verify("cafe\u0301 cafe\u0301 cafe\u0301", hash)).isTrue();
    }

    /** What the reference implementation's command line prints for this salt and password. */
    @Test
    void verifiesHashesOfOtherMakersAndCosts() {
        var hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assertThat(passwords.verify("password", hash)).isTrue();
        assertThat(passwords.verify("passwore", hash)).isFalse();
    }

    /** Test vectors of the authors of bcrypt's implementations for OpenBSD and of crypt_blowfish. */
    @Test
    void verifiesTheBcryptHashesOfOlderSystems() {
        for (var hash : List.of(
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")) {
            assertThat(passwords.verify("U*U", hash)).isTrue();
            assertThat(passwords.verify("U*V", hash)).isFalse();
        }
    }

    @Test
    void replacesOutdatedHashesOfPasswordsThatFit() {
        var current = passwords.hash("correct horse battery");
        assertThat(passwords.check("correct horse battery", current)).isEqualTo(new Passwords.Check(true, null));
        for (var outdated : List.of(
                "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")) {
            var password = outdated.startsWith("$2") ? "U*U" : "password";
            assertThat(passwords.check("another", outdated)).isEqualTo(new Passwords.Check(false, null));
            var check = passwords.check(password, outdated);
            assertThat(check.fits()).isTrue();
            assertThat(check.newHash()).startsWith("$argon2id$v=19$m=19456,t=2,p=1$");
            assertThat(passwords.verify(password, check.newHash())).isTrue();
        }
        assertThat(passwords.check("whatever it is", null)).isEqualTo(new Passwords.Check(false, null));
    }

    @Test
    void refusesBcryptHashesThatWouldTakeForEver() {
        assertThatThrownBy(
                        () -> passwords.verify("U*U", "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void refusesWhatIsBeyondItsBoundAndAnswersTheRest() throws Exception {
        int callers = 60;
        var together = new CountDownLatch(callers);
        try (var few = new Passwords(1, 2, new SecureRandom());
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Boolean>> answers = IntStream.range(0, callers)
                    .mapToObj(_ -> threads.submit(() -> {
                        together.countDown();
                        together.await();
                        try {
                            few.verify("whatever it is", null);
                            return true;
                        } catch (FailureException refused) {
                            assertThat(refused.failure()).isInstanceOf(ResourceExhausted.class);
                            assertThat(refused.failure().reason()).isEqualTo("ERROR_REASON_LOGIN_BUSY");
                            return false;
                        }
                    }))
                    .toList();
            int answered = 0;
            for (var answer : answers) {
                answered += answer.get() ? 1 : 0;
            }
            assertThat(answered).isBetween(3, callers - 1);
            assertThat(few.verify("afterwards there is room", null)).isFalse();
        }
    }

    @Test
    void doesNotTakeAnUnknownNotationForAWrongPassword() {
        assertThatThrownBy(() -> passwords.verify("password", "$1$old$hash")).isInstanceOf(IllegalStateException.class);
    }
}
