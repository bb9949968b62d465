package dev.sortie.mission.domain;

import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Queries;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Missions with everything in them, by four statements a page at most, whatever there is. */
public final class MissionTrees {
    /** How many hops, steps and assets a page has at most. */
    public static final int MAX_NODES = 2_000;

    private static final UUID NO_ID = new UUID(0, 0);
    /** Behind every step. */
    private static final int BEHIND_STEPS = Refusals.MAX_CHILDREN;

    private final MissionStore missions;
    private final HopStore hops;
    private final ToolStepStore steps;
    private final AssetStore assets;

    public MissionTrees(MissionStore missions, HopStore hops, ToolStepStore steps, AssetStore assets) {
        this.missions = missions;
        this.hops = hops;
        this.steps = steps;
        this.assets = assets;
    }

    /**
     * A page of a mission.
     *
     * @param queries sees one snapshot
     */
    public MissionTree read(Queries queries, MissionTree.Wish wish, PageRequest page) {
        var id = wish.missionId();
        var mission = missions.find(queries, id)
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.notFound("mission", id));
        var end = End.of(page.after());
        int limit = page.limit();
        var seen = hops.listOfTree(queries, id, end.hopId(), end.hopPlace(), limit);
        // If the hop where the page before ended is gone, its place is another's, of which nothing has been shown yet.
        var from = !seen.isEmpty() && seen.getFirst().id().equals(end.hopId())
                ? end.at(seen.getFirst().sequenceOrder())
                : end.before(seen);
        var stepsThere = wish.withSteps()
                ? steps.listOfTree(queries, id, from.hopPlace(), from.stepPlace(), wish.withResults(), limit)
                : List.<MissionTree.CutStep>of();
        var assetsThere = wish.withAssets()
                ? assets.listOfTree(queries, id, from.assetPlace(), from.assetTime(), from.assetId(), limit)
                : List.<Asset>of();
        return new MissionTree(mission, page.page(join(seen, stepsThere, assetsThere, from, limit), MissionTrees::key));
    }

    /** Puts everything into its order, as far as the page goes. */
    private static List<MissionTree.Node> join(
            List<Hop> hops, List<MissionTree.CutStep> steps, List<Asset> assets, End from, int limit) {
        var nodes = new ArrayList<MissionTree.Node>();
        assets.stream()
                .filter(asset -> asset.scopeType() == AssetScopeType.MISSION)
                .forEach(asset -> nodes.add(new MissionTree.MissionAsset(asset)));
        var nextSteps = new Peeking<>(steps);
        var nextAssets = new Peeking<>(assets.stream()
                .filter(asset -> asset.scopeType() == AssetScopeType.HOP)
                .toList());
        for (var hop : hops) {
            if (nodes.size() >= limit) {
                break;
            }
            if (!hop.id().equals(from.hopId())) {
                nodes.add(new MissionTree.HopHead(hop));
            }
            for (var step = nextSteps.head;
                    step != null && step.step().hopId().equals(hop.id());
                    step = nextSteps.head) {
                nodes.add(new MissionTree.HopStep(hop, step));
                nextSteps.next();
            }
            for (var asset = nextAssets.head;
                    asset != null && asset.scopeId().equals(hop.id());
                    asset = nextAssets.head) {
                nodes.add(new MissionTree.HopAsset(hop, asset));
                nextAssets.next();
            }
        }
        return nodes.subList(0, Math.min(limit, nodes.size()));
    }

    private static Keyset key(MissionTree.Node node) {
        return switch (node) {
            case MissionTree.MissionAsset(var asset) -> Keyset.of(0, NO_ID, -1, 0, asset.createdAt(), asset.id());
            case MissionTree.HopHead(var hop) -> Keyset.of(1, hop.id(), hop.sequenceOrder(), -1, Instant.EPOCH, NO_ID);
            case MissionTree.HopStep(var hop, var step) ->
                Keyset.of(2, hop.id(), hop.sequenceOrder(), step.step().sequenceOrder(), Instant.EPOCH, NO_ID);
            case MissionTree.HopAsset(var hop, var asset) ->
                Keyset.of(3, hop.id(), hop.sequenceOrder(), BEHIND_STEPS, asset.createdAt(), asset.id());
        };
    }

    /**
     * Where the page before ended.
     *
     * @param hopId the hop of which something was shown last; null before the first one
     * @param hopPlace its place; 0 before the first one
     * @param stepPlace the place of the last of its steps that was shown; -1 before the first one
     * @param assetPlace the place of the hop of the last asset that was passed; -1 for the mission's
     * @param assetTime when that was created
     */
    private record End(
            @Nullable UUID hopId, int hopPlace, int stepPlace, int assetPlace, Instant assetTime, UUID assetId) {
        static End of(@Nullable Keyset after) {
            if (after == null) {
                return new End(null, 0, -1, -1, Instant.EPOCH, NO_ID);
            }
            if (after.number(0) == 0) {
                return new End(null, 0, -1, -1, after.instant(4), after.uuid(5));
            }
            int place = Math.toIntExact(after.number(2));
            return new End(
                    after.uuid(1), place, Math.toIntExact(after.number(3)), place, after.instant(4), after.uuid(5));
        }

        /** The same before the first of these hops. */
        End before(List<Hop> hops) {
            if (hopId == null) {
                return this;
            }
            int place = hops.isEmpty() ? hopPlace : hops.getFirst().sequenceOrder();
            return new End(null, place, -1, place, Instant.EPOCH, NO_ID);
        }

        /** The same where the hop is now. */
        End at(int place) {
            return new End(hopId, place, stepPlace, place, assetTime, assetId);
        }
    }

    /** A list of which the next item can be looked at before it is taken. */
    private static final class Peeking<T> {
        private final Iterator<T> rest;

        @Nullable
        T head;

        Peeking(List<T> items) {
            this.rest = items.iterator();
            next();
        }

        void next() {
            head = rest.hasNext() ? rest.next() : null;
        }
    }
}
