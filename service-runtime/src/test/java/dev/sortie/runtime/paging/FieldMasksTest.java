package dev.sortie.runtime.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.runtime.failure.FailureException;
import java.util.List;
import org.junit.jupiter.api.Test;

class FieldMasksTest {
    private static final Hop HOP = Hop.newBuilder()
            .setHopId("01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55")
            .setMissionId("01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e56")
            .setName("name")
            .setStatus(HopStatus.HOP_STATUS_ACTIVE)
            .setIsFinal(true)
            .build();

    @Test
    void takesThePopulatedFieldsThatCallersCanSetWhenThereIsNoMask() {
        assertThat(FieldMasks.resolve(FieldMask.getDefaultInstance(), HOP)).containsExactly("name", "is_final");
    }

    @Test
    void takesAllThatCallersCanSetForAStar() {
        assertThat(FieldMasks.resolve(mask("*"), HOP))
                .contains("name", "description", "rationale", "is_final")
                .doesNotContain("hop_id", "mission_id", "status", "create_time", "etag");
    }

    @Test
    void takesWhatTheMaskNamesEvenWhenItIsEmpty() {
        assertThat(FieldMasks.resolve(mask("description", "is_final"), HOP)).containsExactly("description", "is_final");
    }

    @Test
    void refusesPathsThatAreUnknownOrCannotBeSetByName() {
        for (var path :
                List.of("nonsense", "status", "mission_id", "hop_id", "etag", "name.first", "", "name,status")) {
            assertThatThrownBy(() -> FieldMasks.resolve(mask("name", path), HOP))
                    .isInstanceOfSatisfying(FailureException.class, thrown -> {
                        assertThat(thrown.failure().reason()).isEqualTo("ERROR_REASON_UPDATE_MASK_INVALID");
                        assertThat(thrown.failure().metadata()).containsEntry("path", path);
                    });
        }
    }

    @Test
    void refusesToEmptyARequiredField() {
        assertThatThrownBy(() -> FieldMasks.resolve(mask("name"), Hop.getDefaultInstance()))
                .hasMessageContaining("name: value is required");
        assertThatThrownBy(() -> FieldMasks.resolve(mask("*"), Hop.getDefaultInstance()))
                .hasMessageContaining("name: value is required");
    }

    private static FieldMask mask(String... paths) {
        return FieldMask.newBuilder().addAllPaths(List.of(paths)).build();
    }
}
