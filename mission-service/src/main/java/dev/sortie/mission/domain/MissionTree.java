package dev.sortie.mission.domain;

import java.util.List;

/**
 * A mission with everything in it, as of one moment.
 *
 * @param hops in their order
 * @param assets those in the mission's own scope by creation, without their content
 */
public record MissionTree(Mission mission, List<HopNode> hops, List<Asset> assets) {

    /**
     * A hop with everything in it.
     *
     * @param steps in their order, without their results
     * @param assets those in the hop's scope by creation, without their content
     */
    public record HopNode(Hop hop, List<ToolStep> steps, List<Asset> assets) {}
}
