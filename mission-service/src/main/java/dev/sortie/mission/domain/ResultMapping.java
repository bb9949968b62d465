package dev.sortie.mission.domain;

import java.util.UUID;

/** Where a field of a tool's result goes. */
public sealed interface ResultMapping {

    /** Into an asset, as its content. */
    record AssetField(UUID assetId) implements ResultMapping {}

    /** Nowhere of its own. */
    record Ignore() implements ResultMapping {}
}
