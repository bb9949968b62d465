package dev.sortie.mission.domain;

import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** How streamed content stands in the parameters and results of steps, which have no room for it. */
final class StreamedReference {
    private static final JsonMapper JSON = JsonMapper.shared();

    private StreamedReference() {}

    /** What a worker gets in the place of the content. */
    static ObjectNode to(UUID assetId, AssetContentInfo info) {
        return JSON.createObjectNode()
                .put("asset_id", assetId.toString())
                .put("size", info.size())
                .put("sha256", info.sha256())
                .put("media_type", info.mediaType());
    }

    /**
     * The SHA-256 of what a worker uploaded to the asset that a field of its result goes into. Empty when the field is
     * anything else, and so is itself what goes there.
     */
    static Optional<String> sha256(@Nullable JsonNode field, UUID assetId) {
        return field != null
                        && field.path("asset_id").isString()
                        && field.path("asset_id").stringValue().equals(assetId.toString())
                        && field.path("sha256").isString()
                ? Optional.of(field.path("sha256").stringValue())
                : Optional.empty();
    }
}
