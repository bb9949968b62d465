package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Something moves from one status to another.
 *
 * @param rootId what the resource is or is part of; see {@link Resource}
 * @param from the name of a status; null for what begins
 * @param to the name of a status
 * @param reason why, in the caller's words or, for what happens by itself, in the service's; may be empty
 */
public record Move(
        Resource resource,
        UUID resourceId,
        UUID rootId,
        @Nullable String from,
        String to,
        String reason) {

    /** What moves. */
    public enum Resource {
        MISSION(Root.MISSION),
        HOP(Root.MISSION),
        TOOL_STEP(Root.MISSION),
        PROJECT(Root.PROJECT),
        PLAN(Root.PLAN),
        TASK(Root.TASK);

        private final Root root;

        Resource(Root root) {
            this.root = root;
        }

        /** In whose timeline its moves stand. */
        public Root root() {
            return root;
        }
    }

    /** What has a timeline, and takes it along when it is deleted. */
    public enum Root {
        MISSION,
        PROJECT,
        PLAN,
        TASK
    }

    /**
     * A move as it was recorded.
     *
     * @param id later moves of a timeline have larger ones
     * @param actor a user's id, or the name of a service for what happened by itself
     */
    public record Recorded(
            long id,
            Resource resource,
            UUID resourceId,
            @Nullable String from,
            String to,
            String actor,
            String reason,
            Instant at) {}

    /**
     * A move.
     *
     * @param from null for what begins
     */
    public static Move of(
            Resource resource, UUID resourceId, UUID rootId, @Nullable Enum<?> from, Enum<?> to, String reason) {
        return new Move(resource, resourceId, rootId, from == null ? null : from.name(), to.name(), reason);
    }
}
