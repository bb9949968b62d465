package dev.sortie.mission.domain;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An asset as stored, with or without its content: lists and trees leave it out.
 *
 * @param id its own
 * @param userId the owner of its mission
 * @param scopeType what it belongs to
 * @param scopeId the mission or hop it belongs to
 * @param missionId the mission that the scope is, or is part of
 * @param fields what callers set
 * @param status whether its content is there
 * @param content any JSON value as text; null when there is none, or it is streamed, or when it was not asked for
 * @param contentInfo what the streamed content is; null when there is none or it is inline
 * @param contentChanges how often content has been written or taken away
 * @param contentVersion how often the content has been written; 0 while there is none
 * @param tokenCount the content's length in tokens
 * @param createdAt when it was created
 * @param updatedAt when it last changed
 * @param version one more with each change
 */
public record Asset(
        UUID id,
        UUID userId,
        AssetScopeType scopeType,
        UUID scopeId,
        UUID missionId,
        Fields fields,
        AssetStatus status,
        @Nullable String content,
        @Nullable AssetContentInfo contentInfo,
        long contentChanges,
        int contentVersion,
        long tokenCount,
        Instant createdAt,
        Instant updatedAt,
        long version) {

    /**
     * What callers set, other than the content.
     *
     * @param name 1 to 255 characters
     * @param type the kind of data, in the callers' own terms
     * @param subtype a narrower kind; may be empty
     * @param summary the content in short; may be empty
     * @param creator who or what made the content; may be empty
     */
    public record Fields(
            String name,
            String description,
            String type,
            String subtype,
            AssetRole role,
            String summary,
            String creator,
            List<String> tags,
            List<String> agentAssociations) {

        Fields withSummary(String other) {
            return new Fields(name, description, type, subtype, role, other, creator, tags, agentAssociations);
        }
    }

    /** Whether steps of this hop can use it: it belongs to the hop or to the hop's mission. */
    public boolean isVisibleTo(Hop hop) {
        return switch (scopeType) {
            case MISSION -> scopeId.equals(hop.missionId());
            case HOP -> scopeId.equals(hop.id());
        };
    }
}
