package dev.sortie.runtime.sql;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/**
 * One change of one resource, to be written to the change log in the transaction that makes it.
 *
 * @param resourceType in lower snake case, such as {@code work_order}
 * @param id the resource
 * @param kind what happened to it
 * @param version the resource's version after the change; for a deletion, the one after its last
 * @param attributes its status and the ids it refers to, after the change; at most 8 KiB as JSON
 */
public record Change(String resourceType, UUID id, Kind kind, long version, Map<String, Object> attributes) {

    /** What a change did to its resource. */
    public enum Kind {
        CREATED,
        UPDATED,
        DELETED
    }

    public static Change created(String resourceType, UUID id, long version) {
        return new Change(resourceType, id, Kind.CREATED, version, Map.of());
    }

    public static Change updated(String resourceType, UUID id, long version) {
        return new Change(resourceType, id, Kind.UPDATED, version, Map.of());
    }

    /**
     * A resource goes for good: the last of its changes, hence with a version of its own.
     *
     * @param lastVersion the version that it had until now
     */
    public static Change deleted(String resourceType, UUID id, long lastVersion) {
        return new Change(resourceType, id, Kind.DELETED, lastVersion + 1, Map.of());
    }

    /** The same change with one more attribute: a number, a boolean, or anything else as its text. */
    public Change with(String name, Object value) {
        var more = new LinkedHashMap<>(attributes);
        more.put(name, value instanceof Number || value instanceof Boolean ? value : value.toString());
        return new Change(resourceType, id, kind, version, more);
    }
}
