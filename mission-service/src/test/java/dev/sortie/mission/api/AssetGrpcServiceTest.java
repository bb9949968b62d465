package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetMetadata;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceBlockingStub;
import dev.sortie.mission.v1.AssetStatus;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.GetAssetRequest;
import dev.sortie.mission.v1.ListAssetsRequest;
import dev.sortie.mission.v1.UpdateAssetRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class AssetGrpcServiceTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());
    private final AssetServiceBlockingStub assets = developer.assets();
    private final String mission = developer.createMission("With assets").getMissionId();

    @Test
    void createsAnAssetWithContentReadyAndMeasured() {
        var wanted = ofMission()
                .setDescription("What was found.")
                .setSubtype("markdown")
                .setContent(text("hello world"))
                .setAssetMetadata(AssetMetadata.newBuilder()
                        .setCreator("ada")
                        .addTags("b")
                        .addTags("a")
                        .addAgentAssociations("agent-7")
                        .setVersion(99)
                        .setTokenCount(99))
                .build();
        var made = developer.createAsset(wanted);
        assertThat(made.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
        assertThat(made.getUserId())
                .isEqualTo(MISSION.person(UserRole.USER_ROLE_DEVELOPER).id());
        assertThat(made.getContent()).isEqualTo(text("hello world"));
        assertThat(made.getContentSummary()).isEqualTo("hello world");
        assertThat(made.getAssetMetadata())
                .isEqualTo(wanted.getAssetMetadata().toBuilder()
                        .setVersion(1)
                        .setTokenCount(2)
                        .build());
        assertThat(made.getSubtype()).isEqualTo("markdown");
        assertThat(Calls.of(MISSION.viewer()).asset(made.getAssetId())).isEqualTo(made);
    }

    @Test
    void createsAnAssetWithoutContentPending() {
        var made = developer.createAsset(ofMission().build());
        assertThat(made.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_PENDING);
        assertThat(made.hasContent()).isFalse();
        assertThat(made.getAssetMetadata().getVersion()).isZero();
        assertThat(made.getAssetMetadata().getTokenCount()).isZero();
    }

    @Test
    void keepsAnyJsonAsItIs() {
        var deep = text("bottom");
        for (int i = 0; i < 15; i++) {
            deep = i % 2 == 0
                    ? Value.newBuilder()
                            .setListValue(ListValue.newBuilder().addValues(deep))
                            .build()
                    : Value.newBuilder()
                            .setStructValue(Struct.newBuilder().putFields("k", deep))
                            .build();
        }
        for (var content : List.of(
                Value.newBuilder().setNullValue(NullValue.NULL_VALUE).build(),
                Value.newBuilder().setBoolValue(false).build(),
                number(0),
                number(-1.5),
                number(1e300),
                number(5e-324),
                number(9007199254740993.0),
                text(""),
                text("\"\\\u0001\u2028🛰\ud83d\udef0"),
                Value.newBuilder().setListValue(ListValue.getDefaultInstance()).build(),
                Value.newBuilder().setStructValue(Struct.getDefaultInstance()).build(),
                Value.newBuilder()
                        .setStructValue(
                                Struct.newBuilder().putFields("", number(1)).putFields("ключ", text("x")))
                        .build(),
                deep)) {
            var made = developer.createAsset(ofMission().setContent(content).build());
            assertThat(made.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
            assertThat(developer.asset(made.getAssetId()).getContent()).isEqualTo(content);
        }
    }

    @Test
    void refusesContentThatIsNoJsonOrTooLarge() {
        StatusAssert.fails(() -> developer.createAsset(
                        ofMission().setContent(text("x".repeat(1 << 20))).build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("asset.content");
        StatusAssert.fails(() -> developer.createAsset(
                        ofMission().setContent(number(Double.POSITIVE_INFINITY)).build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("asset.content");
        StatusAssert.fails(() -> developer.createAsset(
                        ofMission().setContent(text("nul\0")).build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("asset.content");
        StatusAssert.fails(() -> developer.createAsset(
                        ofMission().setContent(Value.getDefaultInstance()).build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("asset.content");
        StatusAssert.fails(() -> developer.createAsset(Asset.getDefaultInstance()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("asset.scope_type")
                .field("asset.scope_id")
                .field("asset.name")
                .field("asset.type")
                .field("asset.role");
        StatusAssert.fails(
                        () -> developer.createAsset(ofMission().setRoleValue(42).build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("asset.role");
    }

    @Test
    void refusesAScopeThatDoesNotExist() {
        var nothing = UUID.randomUUID().toString();
        StatusAssert.fails(() -> developer.createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, nothing)
                        .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "asset.scope_id")
                .metadata("resource", "mission");
        StatusAssert.fails(() -> developer.createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, mission)
                        .build()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("resource", "hop");
        StatusAssert.fails(() -> assets.listAssets(ListAssetsRequest.newBuilder()
                        .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)
                        .setScopeId(nothing)
                        .build()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "hop");
        StatusAssert.fails(() -> developer.asset(nothing))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "asset");
    }

    @Test
    void countsHowOftenContentIsWritten() {
        var made = developer.createAsset(ofMission().build());
        var id = made.getAssetId();
        var filled = update(Asset.newBuilder().setAssetId(id).setContent(text("first")));
        assertThat(filled.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
        assertThat(filled.getContentSummary()).isEqualTo("first");
        assertThat(filled.getAssetMetadata().getVersion()).isOne();
        var renamed =
                update(Asset.newBuilder().setAssetId(id).setName("renamed").setContentSummary("mine"));
        assertThat(renamed.getAssetMetadata().getVersion()).isOne();
        assertThat(renamed.getContent()).isEqualTo(text("first"));
        assertThat(renamed.getContentSummary()).isEqualTo("mine");
        var refilled = update(Asset.newBuilder().setAssetId(id).setContent(text("second one")));
        assertThat(refilled.getAssetMetadata().getVersion()).isEqualTo(2);
        assertThat(refilled.getContentSummary()).isEqualTo("second one");
        assertThat(refilled.getName()).isEqualTo("renamed");
        var both = update(Asset.newBuilder()
                .setAssetId(id)
                .setContent(text("third"))
                .setContentSummary("a third one")
                .setEtag(refilled.getEtag()));
        assertThat(both.getContentSummary()).isEqualTo("a third one");
        var emptied = update(Asset.newBuilder().setAssetId(id), "content");
        assertThat(emptied.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_PENDING);
        assertThat(emptied.hasContent()).isFalse();
        assertThat(emptied.getContentSummary()).isEmpty();
        assertThat(emptied.getAssetMetadata().getVersion()).isZero();
        StatusAssert.fails(() -> update(
                        Asset.newBuilder().setAssetId(id).setName("stale").setEtag(made.getEtag())))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("resource", "asset")
                .metadata("etag", "6");
    }

    @Test
    void setsMetadataWithoutTouchingWhatTheServerKeepsThere() {
        var made = developer.createAsset(ofMission()
                .setContent(text("hello world"))
                .setAssetMetadata(AssetMetadata.newBuilder().setCreator("ada").addTags("old"))
                .build());
        var changed = update(
                Asset.newBuilder()
                        .setAssetId(made.getAssetId())
                        .setAssetMetadata(
                                AssetMetadata.newBuilder().addTags("new").setVersion(50)),
                "asset_metadata");
        assertThat(changed.getAssetMetadata())
                .isEqualTo(AssetMetadata.newBuilder()
                        .addTags("new")
                        .setVersion(1)
                        .setTokenCount(2)
                        .build());
        for (var path : List.of("status", "scope_id", "user_id", "asset_metadata.version")) {
            StatusAssert.fails(() -> update(Asset.newBuilder().setAssetId(made.getAssetId()), path))
                    .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        }
    }

    @Test
    void listsAScopeByCreationWithoutContent() {
        var hop = developer.createHop(mission, "hop").getHopId();
        var made = new ArrayList<String>();
        for (int i = 0; i < 5; i++) {
            made.add(developer
                    .createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hop)
                            .setRole(i == 2 ? AssetRole.ASSET_ROLE_OUTPUT : AssetRole.ASSET_ROLE_INPUT)
                            .setContent(text("content"))
                            .build())
                    .getAssetId());
            MISSION.clock().advance(Duration.ofMillis(1));
        }
        developer.createAsset(ofMission().build());
        var first = ListAssetsRequest.newBuilder()
                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_HOP)
                .setScopeId(hop)
                .setPageSize(2)
                .build();
        var listed = new ArrayList<Asset>();
        var request = first;
        while (true) {
            var page = assets.listAssets(request);
            listed.addAll(page.getAssetsList());
            if (page.getNextPageToken().isEmpty()) {
                break;
            }
            request = first.toBuilder().setPageToken(page.getNextPageToken()).build();
        }
        assertThat(listed).extracting(Asset::getAssetId).containsExactlyElementsOf(made);
        assertThat(listed).noneMatch(Asset::hasContent);
        var outputs = assets.listAssets(first.toBuilder()
                .setRole(AssetRole.ASSET_ROLE_OUTPUT)
                .setStatus(AssetStatus.ASSET_STATUS_READY)
                .build());
        assertThat(outputs.getAssetsList()).extracting(Asset::getAssetId).containsExactly(made.get(2));
        assertThat(assets.listAssets(first.toBuilder()
                                .setStatus(AssetStatus.ASSET_STATUS_ERROR)
                                .build())
                        .getAssetsList())
                .isEmpty();
        StatusAssert.fails(() ->
                        assets.listAssets(first.toBuilder().clearScopeType().build()))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("scope_type");
    }

    @Test
    void readsAnAssetWithoutItsContentWhenAsked() {
        var made = developer.createAsset(ofMission().setContent(text("large")).build());
        var request = GetAssetRequest.newBuilder().setAssetId(made.getAssetId()).setWithoutContent(true);
        assertThat(assets.getAsset(request.build()).getAsset())
                .isEqualTo(made.toBuilder().clearContent().build());
        StatusAssert.fails(() -> assets.getAsset(
                        request.setAssetId(UUID.randomUUID().toString()).build()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void deletesAnAsset() {
        var made = developer.createAsset(ofMission().setContent(text("gone")).build());
        var gone = assets.deleteAsset(DeleteAssetRequest.newBuilder()
                        .setAssetId(made.getAssetId())
                        .setEtag(made.getEtag())
                        .build())
                .getAsset();
        assertThat(gone).isEqualTo(made.toBuilder().clearContent().build());
        StatusAssert.fails(() -> developer.asset(made.getAssetId()))
                .with(Code.NOT_FOUND, ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void createsOnceForOneRequestId() throws Exception {
        var request = CreateAssetRequest.newBuilder()
                .setAsset(ofMission().setContent(text("once")))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(50, number -> assets.createAsset(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream().map(one -> one.answer().getAsset()).distinct())
                .hasSize(1);
        assertThat(assets.listAssets(ListAssetsRequest.newBuilder()
                                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_MISSION)
                                .setScopeId(mission)
                                .build())
                        .getAssetsList())
                .hasSize(1);
    }

    @Test
    void countsEveryOneOfManyConcurrentWrites() throws Exception {
        var id = developer.createAsset(ofMission().build()).getAssetId();
        var outcomes = Together.call(
                30, number -> update(Asset.newBuilder().setAssetId(id).setContent(text("write " + number))));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        var now = developer.asset(id);
        assertThat(now.getAssetMetadata().getVersion()).isEqualTo(30);
        assertThat(now.getEtag()).isEqualTo("31");
    }

    private Asset.Builder ofMission() {
        return Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, mission);
    }

    private Asset update(Asset.Builder asset, String... paths) {
        var request = UpdateAssetRequest.newBuilder().setAsset(asset);
        if (paths.length > 0) {
            request.setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)));
        }
        return assets.updateAsset(request.build()).getAsset();
    }

    private static Value text(String text) {
        return Value.newBuilder().setStringValue(text).build();
    }

    private static Value number(double number) {
        return Value.newBuilder().setNumberValue(number).build();
    }
}
