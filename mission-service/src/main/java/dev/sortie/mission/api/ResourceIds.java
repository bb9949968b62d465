package dev.sortie.mission.api;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.type.v1.ErrorReason;
import java.util.UUID;

/** The id that names the resource of an update: the server makes it, so only an update needs to have it. */
final class ResourceIds {
    private ResourceIds() {}

    /**
     * The id, which the rules of the contract have let through unless it is empty.
     *
     * @param field its path in the request
     */
    static UUID required(String id, String field) {
        if (id.isEmpty()) {
            throw Failure.invalidArgument(
                            ErrorReason.ERROR_REASON_FIELD_INVALID, field, "value is required: it names what to update")
                    .with("field_count", 1)
                    .exception();
        }
        return UUID.fromString(id);
    }
}
