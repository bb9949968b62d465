package dev.sortie.mission.domain;

import java.util.Optional;
import java.util.UUID;

/** A record that has been read and found fit: what it will be, and how to store it. */
interface Importable {
    /** The kind of resource, as the change log calls it. */
    String resource();

    /** What is there already and is the same thing; nothing is stored then. */
    default Optional<UUID> existing(ImportTarget target) {
        return Optional.empty();
    }

    /**
     * Stores it with all that is nested in it.
     *
     * @param id the id that it can have
     * @return the one that it has
     * @throws ImportRejection when it does not go with what is there
     */
    UUID write(ImportTarget target, UUID id);
}
