package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.HashSet;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class CredentialHandleTest {
    private static final SecureRandom SECURE = new SecureRandom();
    private static final byte[] VALUE = "hidden-value".getBytes(StandardCharsets.UTF_8);
    private static final UUID CREDENTIAL = UUID.randomUUID();
    private static final UUID STEP = UUID.randomUUID();
    private static final CredentialContent CONTENT = CredentialContent.of(VALUE, SECURE);

    @Test
    void tellsWhatItIsForAndThatItIsGenuine() {
        var text = CredentialHandle.of(CREDENTIAL, CONTENT, STEP, 3).text();
        var handle = CredentialHandle.parse(text).orElseThrow();
        assertThat(handle.credentialId()).isEqualTo(CREDENTIAL);
        assertThat(handle.toolStepId()).isEqualTo(STEP);
        assertThat(handle.attempt()).isEqualTo(3);
        assertThat(handle.isSignedBy(CONTENT)).isTrue();
        assertThat(text).startsWith("sortie_handle_").doesNotContain("hidden");
        assertThat(handle.toString()).doesNotContain(text.substring(text.length() - 20));
    }

    @Test
    void staysGenuineWhenTheValueChangesAndIsForgedForAnyOtherCredential() {
        var handle = CredentialHandle.of(CREDENTIAL, CONTENT, STEP, 1);
        assertThat(handle.isSignedBy(CONTENT.with(new byte[] {1}))).isTrue();
        assertThat(handle.isSignedBy(CredentialContent.of(VALUE, SECURE))).isFalse();
    }

    @Test
    void differsForEveryCredentialStepAndAttempt() {
        var seen = new HashSet<String>();
        for (int attempt = 0; attempt < 100; attempt++) {
            assertThat(seen.add(CredentialHandle.of(CREDENTIAL, CONTENT, STEP, attempt)
                            .text()))
                    .isTrue();
            assertThat(seen.add(CredentialHandle.of(CREDENTIAL, CONTENT, UUID.randomUUID(), attempt)
                            .text()))
                    .isTrue();
            assertThat(seen.add(CredentialHandle.of(UUID.randomUUID(), CONTENT, STEP, attempt)
                            .text()))
                    .isTrue();
        }
    }

    @Test
    void isNoneOrForgedWhateverIsChangedInIt() {
        var random = new Random(20_261_122);
        var whole = CredentialHandle.of(CREDENTIAL, CONTENT, STEP, 1).text();
        for (int i = 0; i < 20_000; i++) {
            var text = new StringBuilder(whole);
            for (int change = random.nextInt(1, 4); change > 0 && !text.isEmpty(); change--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(4)) {
                    case 0 -> text.setCharAt(at, (char) random.nextInt(0, 256));
                    case 1 -> text.deleteCharAt(at);
                    case 2 -> text.insert(at, "A");
                    default -> text.setCharAt(at, "ABab01-_".charAt(random.nextInt(8)));
                }
            }
            if (!text.toString().equals(whole)) {
                assertThat(CredentialHandle.parse(text.toString()).filter(handle -> handle.isSignedBy(CONTENT)))
                        .as(text.toString())
                        .isEmpty();
            }
        }
    }
}
