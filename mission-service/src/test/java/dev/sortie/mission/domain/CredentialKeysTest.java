package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CredentialKeysTest {
    @TempDir
    private Path folder;

    @Test
    void takesOverWhatTheFileSaysNow() throws IOException {
        var first = CredentialKeyset.parse(CredentialKeyset.generate());
        var file = Files.writeString(folder.resolve("keys"), first.toJson());
        var keys = new CredentialKeys(new CredentialKeys.Source(first.toJson(), file));
        assertThat(keys.required().ids()).isEqualTo(first.ids());

        var second = first.withNewKey();
        Files.writeString(file, second.toJson() + "\n");
        keys.refresh();
        assertThat(keys.required().ids()).isEqualTo(second.ids());
        var unchanged = keys.required();
        keys.refresh();
        assertThat(keys.required()).isSameAs(unchanged);
    }

    @Test
    void keepsTheOldKeysWhileTheFileIsBrokenOrAway() throws IOException {
        var first = CredentialKeyset.generate();
        var file = Files.writeString(folder.resolve("keys"), first);
        var keys = new CredentialKeys(new CredentialKeys.Source(first, file));
        var before = keys.required();

        Files.writeString(file, first.substring(0, first.length() / 2));
        keys.refresh();
        assertThat(keys.required()).isSameAs(before);
        keys.refresh();
        assertThat(keys.required()).isSameAs(before);
        Files.delete(file);
        keys.refresh();
        assertThat(keys.required()).isSameAs(before);

        var mended = CredentialKeyset.parse(CredentialKeyset.generate());
        Files.writeString(file, mended.toJson());
        keys.refresh();
        assertThat(keys.required().ids()).isEqualTo(mended.ids());
    }

    @Test
    void saysWhatToConfigureWhereThereIsNothing() {
        var keys = new CredentialKeys(CredentialKeys.Source.NONE);
        keys.refresh();
        assertThat(keys.current()).isEmpty();
        var failure = Assertions.catchThrowableOfType(FailureException.class, keys::required)
                .failure();
        assertThat(failure).isInstanceOf(Failure.FailedPrecondition.class);
        assertThat(failure.message()).contains("SORTIE_CREDENTIAL_KEYS_FILE");
        assertThat(failure.reason()).isEqualTo(ErrorReason.ERROR_REASON_NO_CREDENTIAL_KEY.name());
    }
}
