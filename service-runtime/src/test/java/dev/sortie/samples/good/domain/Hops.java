package dev.sortie.samples.good.domain;

import dev.sortie.samples.good.store.HopStore;
import dev.sortie.type.v1.ErrorReason;
import java.time.InstantSource;

public record Hops(HopStore store, InstantSource time) {
    ErrorReason reason() {
        return time.instant().getNano() == 0 ? ErrorReason.ERROR_REASON_UNSPECIFIED : ErrorReason.UNRECOGNIZED;
    }
}
