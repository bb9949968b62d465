package dev.sortie.mission.domain;

import dev.sortie.runtime.paging.Page;
import java.util.List;
import java.util.UUID;

/**
 * A page of a mission with everything in it, as of one moment. Long texts have one character more than {@link #TEXT},
 * which shows that they are cut.
 *
 * @param mission whole
 * @param nodes first the assets of the mission by creation, then each hop followed by its steps in their order and its
 *     assets by creation
 */
public record MissionTree(Mission mission, Page<Node> nodes) {
    /** How much of a text is shown, in characters. */
    public static final int TEXT = 1_000;
    /** The longest JSON of a step that is shown, in bytes. */
    public static final int JSON = 4_096;
    /** The longest result of a step that is shown, in bytes. */
    public static final int RESULT = 16_384;

    /**
     * What is asked for.
     *
     * @param withSteps whether steps are
     * @param withAssets whether assets are
     * @param withResults whether the results of steps are
     */
    public record Wish(UUID missionId, boolean withSteps, boolean withAssets, boolean withResults) {}

    /** Something in a mission. */
    public sealed interface Node {}

    /** An asset in the mission's own scope, without its content. */
    public record MissionAsset(Asset asset) implements Node {}

    /** A hop. */
    public record HopHead(Hop hop) implements Node {}

    /** A step of a hop. */
    public record HopStep(Hop hop, CutStep step) implements Node {}

    /** An asset in a hop's scope, without its content. */
    public record HopAsset(Hop hop, Asset asset) implements Node {}

    /**
     * A step without what is long in it.
     *
     * @param leftOut the fields that are left out, by their names in the contract
     */
    public record CutStep(ToolStep step, List<String> leftOut) {}
}
