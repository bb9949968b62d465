package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetMetadata;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetStatus;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.ListAssetsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Which assets a list shows, and that its pages fit together. */
class AssetListTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final MissionFixture.Person owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
    private final Calls calls = Calls.of(MISSION.with(owner.token()));
    private final String mission = calls.createMission("Listed").getMissionId();
    private final String hop = calls.createHop(mission, "one").getHopId();
    private final String otherHop = calls.createHop(mission, "other").getHopId();

    @Test
    void showsAHopWhatItSeesOfItsMission() {
        var ofMission = new ArrayList<String>();
        var seen = new ArrayList<String>();
        for (int i = 0; i < 9; i++) {
            switch (i % 3) {
                case 0 -> {
                    seen.add(create(ofHop(hop)));
                }
                case 1 -> {
                    var id = create(ofMission());
                    ofMission.add(id);
                    seen.add(id);
                }
                default -> create(ofHop(otherHop));
            }
        }
        calls.createAsset(Calls.asset(
                        AssetScopeType.ASSET_SCOPE_TYPE_MISSION,
                        calls.createMission("Another").getMissionId())
                .build());
        var ofHop = list().setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP).setScopeId(hop);
        assertThat(ids(ofHop.clone())).hasSize(3).doesNotContainAnyElementsOf(ofMission);
        assertThat(ids(ofHop.clone().setIncludeInherited(true))).containsExactlyElementsOf(seen);
        assertThat(ids(ofHop.clone().setIncludeInherited(true).setStatus(AssetStatus.ASSET_STATUS_READY)))
                .isEmpty();
        assertThat(ids(list().setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_MISSION)
                        .setScopeId(mission)
                        .setIncludeInherited(true)))
                .containsExactlyElementsOf(ofMission);
    }

    @Test
    void findsAssetsByEachOfWhatTheyAreAndByAllOfItTogether() {
        var wanted = create(ofHop(hop)
                .setName("Report of ada")
                .setType("report")
                .setSubtype("markdown")
                .setRole(AssetRole.ASSET_ROLE_OUTPUT)
                .setContent(com.google.protobuf.Value.newBuilder().setStringValue("done"))
                .setAssetMetadata(AssetMetadata.newBuilder().addTags("final").addTags("a\"b")));
        var other = create(ofMission()
                .setName("Notes")
                .setType("notes")
                .setSubtype("plain")
                .setRole(AssetRole.ASSET_ROLE_INPUT)
                .setAssetMetadata(AssetMetadata.newBuilder().addTags("finals")));
        var mine = list().setUserId(owner.id());
        assertThat(ids(mine.clone())).containsExactly(wanted, other);
        assertThat(ids(mine.clone().setRole(AssetRole.ASSET_ROLE_OUTPUT))).containsExactly(wanted);
        assertThat(ids(mine.clone().setStatus(AssetStatus.ASSET_STATUS_PENDING)))
                .containsExactly(other);
        assertThat(ids(mine.clone().setType("report"))).containsExactly(wanted);
        assertThat(ids(mine.clone().setSubtype("plain"))).containsExactly(other);
        assertThat(ids(mine.clone().setTag("final"))).containsExactly(wanted);
        assertThat(ids(mine.clone().setTag("a\"b"))).containsExactly(wanted);
        assertThat(ids(mine.clone().setTag("fin"))).isEmpty();
        assertThat(ids(mine.clone().setNamePrefix("Report"))).containsExactly(wanted);
        assertThat(ids(mine.clone().setNamePrefix("report"))).isEmpty();
        assertThat(ids(mine.clone().setNamePrefix("N"))).containsExactly(other);
        assertThat(ids(mine.clone()
                        .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)
                        .setScopeId(hop)
                        .setIncludeInherited(true)
                        .setRole(AssetRole.ASSET_ROLE_OUTPUT)
                        .setStatus(AssetStatus.ASSET_STATUS_READY)
                        .setType("report")
                        .setSubtype("markdown")
                        .setTag("final")
                        .setNamePrefix("Report of")))
                .containsExactly(wanted);
        assertThat(ids(list().setUserId(UUID.randomUUID().toString()))).isEmpty();
        var stranger = Calls.of(MISSION.viewer());
        assertThat(stranger.assets().listAssets(mine.build()).getAssetsList()).hasSize(2);
    }

    @Test
    void takesAnyCharacterInThePrefixOfAName() {
        for (var name : List.of("%a", "a%", "a_b", "ab", "é", "\ud7ff", "\ue000", "🛰 one", "\udbff\udfffz")) {
            var id = create(ofMission().setName(name));
            var prefix = name.substring(0, name.offsetByCodePoints(0, 1));
            assertThat(calls.assets()
                            .listAssets(list().setUserId(owner.id())
                                    .setNamePrefix(prefix)
                                    .setPageSize(500)
                                    .build())
                            .getAssetsList())
                    .as(name)
                    .anyMatch(asset -> asset.getAssetId().equals(id))
                    .allMatch(asset -> asset.getName().startsWith(prefix));
        }
    }

    @Test
    void showsNothingOfMissionsThatAreHidden() {
        create(ofMission());
        calls.missions()
                .deleteMission(
                        DeleteMissionRequest.newBuilder().setMissionId(mission).build());
        assertThat(ids(list().setUserId(owner.id()))).isEmpty();
        for (var type : List.of(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, AssetScopeType.ASSET_SCOPE_TYPE_HOP)) {
            StatusAssert.fails(() -> ids(list().setScopeType(type)
                            .setScopeId(type == AssetScopeType.ASSET_SCOPE_TYPE_HOP ? hop : mission)))
                    .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        }
    }

    @Test
    void refusesHalfAScopeAndTokensOfOtherLists() {
        StatusAssert.fails(() -> ids(list().setScopeId(mission)))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("scope_type");
        StatusAssert.fails(() -> ids(list().setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("scope_id");
        create(ofMission());
        create(ofMission());
        var token = calls.assets()
                .listAssets(list().setUserId(owner.id()).setPageSize(1).build())
                .getNextPageToken();
        StatusAssert.fails(() -> calls.assets()
                        .listAssets(list().setUserId(owner.id())
                                .setTag("x")
                                .setPageToken(token)
                                .build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void pagesMissNothingAndRepeatNothingWhileAssetsComeAndGo() throws Exception {
        var before = new ArrayList<String>();
        for (int i = 0; i < 40; i++) {
            before.add(create(i % 2 == 0 ? ofMission() : ofHop(hop)));
        }
        var passing = create(ofMission());
        var request = list().setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)
                .setScopeId(hop)
                .setIncludeInherited(true)
                .setPageSize(3);
        var over = new AtomicBoolean();
        var writer = Thread.ofVirtual().start(() -> {
            calls.assets()
                    .deleteAsset(
                            DeleteAssetRequest.newBuilder().setAssetId(passing).build());
            while (!over.get()) {
                create(ofHop(hop));
            }
        });
        var seen = ids(request, before.getLast());
        over.set(true);
        writer.join(Duration.ofSeconds(30));
        assertThat(seen).containsAll(before);
        assertThat(new HashSet<>(seen)).hasSameSizeAs(seen);
        assertThat(seen.stream().filter(before::contains)).containsExactlyElementsOf(before);
    }

    @Test
    void listsTheAssetsOfSomebodysMissionsAsTheirs() {
        var made = Calls.of(MISSION.admin())
                .createMission(Mission.newBuilder()
                        .setName("For somebody")
                        .setUserId(owner.id())
                        .build());
        var asset = Calls.of(MISSION.admin())
                .createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, made.getMissionId())
                        .build());
        assertThat(ids(list().setUserId(owner.id()))).containsExactly(asset.getAssetId());
    }

    /** All pages. */
    private List<String> ids(ListAssetsRequest.Builder request) {
        return ids(request, "");
    }

    /** The pages up to the one that has the last asset that matters. */
    private List<String> ids(ListAssetsRequest.Builder request, String last) {
        var ids = new ArrayList<String>();
        var first = request.build();
        var next = first;
        while (true) {
            var page = calls.assets().listAssets(next);
            page.getAssetsList().stream().map(Asset::getAssetId).forEach(ids::add);
            if (page.getNextPageToken().isEmpty() || ids.contains(last)) {
                return ids;
            }
            next = first.toBuilder().setPageToken(page.getNextPageToken()).build();
        }
    }

    private static ListAssetsRequest.Builder list() {
        return ListAssetsRequest.newBuilder().setPageSize(2);
    }

    private String create(Asset.Builder asset) {
        var id = calls.createAsset(asset.build()).getAssetId();
        MISSION.clock().advance(Duration.ofMillis(1));
        return id;
    }

    private Asset.Builder ofMission() {
        return Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, mission);
    }

    private static Asset.Builder ofHop(String hopId) {
        return Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hopId);
    }
}
