package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Base64;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.JsonWebKeySet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SigningKeysTest {
    /** The example of RFC 8037, appendix A. */
    private static final String RFC_KEY = """
            {"kty":"OKP","crv":"Ed25519",
             "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
             "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
            """;

    @Test
    void readsTheKeyOfTheRfc() {
        var key = SigningKeys.parse(RFC_KEY).current();
        assertThat(key.x()).isEqualTo("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assertThat(key.keyId()).isEqualTo("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    @Test
    void readsTheSameKeyAsPem() {
        var der = new byte[48];
        System.arraycopy(Base64.getDecoder().decode("MC4CAQAwBQYDK2VwBCIEIA=="), 0, der, 0, 16);
        System.arraycopy(Base64.getUrlDecoder().decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), 0, der, 16, 32);
        var pem = "-----BEGIN PRIVATE KEY-----\n" + Base64.getEncoder().encodeToString(der)
                + "\n-----END PRIVATE KEY-----\n";
        assertThat(SigningKeys.parse(pem).current().keyId())
                .isEqualTo(SigningKeys.parse(RFC_KEY).current().keyId());
    }

    @Test
    void makesKeysThatItReads() {
        var one = SigningKeys.generate();
        var other = SigningKeys.generate();
        assertThat(other).isNotEqualTo(one);
        assertThat(SigningKeys.parse(one).current().keyId())
                .isNotEqualTo(SigningKeys.parse(other).current().keyId());
    }

    @Test
    void signsWithTheFirstKeyAndShowsAll() throws Exception {
        var fresh = SigningKeys.generate();
        var old = SigningKeys.generate();
        var keys = SigningKeys.parse(fresh + old);
        assertThat(keys.current().keyId())
                .isEqualTo(SigningKeys.parse(fresh).current().keyId());
        assertThat(new JsonWebKeySet(keys.toJwks()).getJsonWebKeys())
                .extracting(JsonWebKey::getKeyId)
                .containsExactly(
                        SigningKeys.parse(fresh).current().keyId(),
                        SigningKeys.parse(old).current().keyId());
        assertThat(SigningKeys.parse("{\"keys\":[" + RFC_KEY + "]}").all()).hasSize(1);
    }

    @Test
    void keepsPrivateKeysOutOfWhatItShows() {
        var keys = SigningKeys.parse(RFC_KEY);
        assertThat(keys.toJwks() + keys + keys.current()).doesNotContain("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "secret",
                "{}",
                "{\"keys\":[]}",
                "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}",
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"c2VjcmV0\"}",
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"AAAA\"}",
                "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
            })
    void refusesAnythingElseWithoutRepeatingIt(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SigningKeys.parse(text))
                .withMessageStartingWith("expected: Ed25519 private keys")
                .withMessageNotContaining("c2VjcmV0")
                .withNoCause();
    }
}
