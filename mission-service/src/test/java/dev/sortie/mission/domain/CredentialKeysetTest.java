package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.crypto.tink.InsecureSecretKeyAccess;
import com.google.crypto.tink.KeysetHandle;
import com.google.crypto.tink.TinkJsonProtoKeysetFormat;
import com.google.crypto.tink.aead.AeadConfig2026;
import com.google.crypto.tink.aead.AesGcmParameters;
import com.google.crypto.tink.daead.DeterministicAeadConfig2026;
import com.google.crypto.tink.daead.PredefinedDeterministicAeadParameters;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CredentialKeysetTest {
    private static final byte[] PLAIN = "a secret".getBytes(StandardCharsets.UTF_8);
    private static final byte[] PLACE = "here".getBytes(StandardCharsets.UTF_8);
    private static final byte[] ELSEWHERE = "there".getBytes(StandardCharsets.UTF_8);

    @Test
    void decryptsWhatItEncryptsAndNothingThatWasChangedOrMoved() {
        var keys = CredentialKeyset.parse(CredentialKeyset.generate());
        var encrypted = keys.encrypt(PLAIN, PLACE);
        assertThat(keys.decrypt(encrypted, PLACE)).hasValue(PLAIN);
        assertThat(keys.decrypt(encrypted, ELSEWHERE)).isEmpty();
        for (int i = 0; i < encrypted.length; i++) {
            var changed = encrypted.clone();
            changed[i] ^= 1;
            assertThat(keys.decrypt(changed, PLACE)).as("byte %d", i).isEmpty();
        }
        assertThat(CredentialKeyset.parse(CredentialKeyset.generate()).decrypt(encrypted, PLACE))
                .isEmpty();
    }

    @Test
    void decryptsThroughAllPhasesOfARotation() {
        var first = CredentialKeyset.parse(CredentialKeyset.generate());
        assertThat(first.oldIds()).isEmpty();
        assertThat(first.nextId()).isEmpty();
        var encrypted = first.encrypt(PLAIN, PLACE);

        var added = CredentialKeyset.parse(first.withNewKey().toJson());
        assertThat(added.primaryId()).isEqualTo(first.primaryId());
        long next = added.nextId().orElseThrow();
        assertThat(added.ids()).isEqualTo(Set.of(first.primaryId(), next));

        var promoted = CredentialKeyset.parse(added.promoted(next).toJson());
        assertThat(promoted.primaryId()).isEqualTo(next);
        assertThat(promoted.oldIds()).isEqualTo(List.of(first.primaryId()));
        assertThat(promoted.nextId()).isEmpty();
        assertThat(promoted.decrypt(encrypted, PLACE)).hasValue(PLAIN);
        var anew = promoted.encrypt(PLAIN, PLACE);
        assertThat(first.decrypt(anew, PLACE)).isEmpty();
        assertThat(added.decrypt(anew, PLACE)).hasValue(PLAIN);

        var left = promoted.without(promoted.oldIds());
        assertThat(left.ids()).isEqualTo(Set.of(next));
        assertThat(left.decrypt(anew, PLACE)).hasValue(PLAIN);
        assertThat(left.decrypt(encrypted, PLACE)).isEmpty();
        assertThat(left.without(List.of(next)).ids()).isEqualTo(Set.of(next));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "hidden", "{}", "[]", "null", "{\"primaryKeyId\": 1}", "{\"encryptedKeyset\": \"aGlkZGVu\"}"
            })
    void refusesWhatIsNoKeysetAndShowsNothingOfIt(String text) {
        assertThatThrownBy(() -> CredentialKeyset.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("expected: ")
                .hasMessageNotContaining("hidden");
    }

    @Test
    void refusesKeysThatAreForSomethingElse() throws GeneralSecurityException {
        var other = TinkJsonProtoKeysetFormat.serializeKeyset(
                KeysetHandle.generateNew(
                        PredefinedDeterministicAeadParameters.AES256_SIV, DeterministicAeadConfig2026.get()),
                DeterministicAeadConfig2026.get(),
                InsecureSecretKeyAccess.get());
        assertThatThrownBy(() -> CredentialKeyset.parse(other)).isInstanceOf(IllegalArgumentException.class);
        var raw = TinkJsonProtoKeysetFormat.serializeKeyset(
                KeysetHandle.generateNew(
                        AesGcmParameters.builder()
                                .setKeySizeBytes(32)
                                .setIvSizeBytes(12)
                                .setTagSizeBytes(16)
                                .setVariant(AesGcmParameters.Variant.NO_PREFIX)
                                .build(),
                        AeadConfig2026.get()),
                AeadConfig2026.get(),
                InsecureSecretKeyAccess.get());
        assertThatThrownBy(() -> CredentialKeyset.parse(raw))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("prefix");
    }

    @Test
    void takesOrRefusesWhateverAFileMayHoldAndShowsNothingOfIt() {
        var random = new Random(20_261_122);
        var whole = CredentialKeyset.generate();
        var value = whole.replaceAll("(?s).*\"value\"\\s*:\\s*\"([^\"]+)\".*", "$1");
        for (int i = 0; i < 3_000; i++) {
            var text = new StringBuilder(whole);
            for (int change = random.nextInt(1, 4); change > 0 && !text.isEmpty(); change--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(4)) {
                    case 0 -> text.setCharAt(at, (char) random.nextInt(32, 127));
                    case 1 -> text.deleteCharAt(at);
                    case 2 -> text.setLength(at);
                    default -> text.insert(at, text.charAt(random.nextInt(text.length())));
                }
            }
            try {
                var keys = CredentialKeyset.parse(text.toString());
                assertThat(keys.decrypt(keys.encrypt(PLAIN, PLACE), PLACE)).hasValue(PLAIN);
                assertThat(keys.toString()).doesNotContain(value);
            } catch (IllegalArgumentException refused) {
                assertThat(refused).hasNoCause().hasMessageStartingWith("expected: ");
            }
        }
    }

    @Test
    void showsNoKey() {
        var json = CredentialKeyset.generate();
        var value = json.replaceAll("(?s).*\"value\"\\s*:\\s*\"([^\"]+)\".*", "$1");
        assertThat(json).contains(value);
        assertThat(CredentialKeyset.parse(json).toString()).doesNotContain(value);
        assertThat(new CredentialKeys.Source(json, null).toString()).doesNotContain(value);
    }
}
