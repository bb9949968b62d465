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
