package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.CancelMissionRequest;
import dev.sortie.mission.v1.CompleteDodItemRequest;
import dev.sortie.mission.v1.CreateDodItemRequest;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.DeleteDodItemRequest;
import dev.sortie.mission.v1.DodCategory;
import dev.sortie.mission.v1.DodEvidence;
import dev.sortie.mission.v1.DodItem;
import dev.sortie.mission.v1.DodItemServiceGrpc.DodItemServiceBlockingStub;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.ListDodItemsRequest;
import dev.sortie.mission.v1.ReopenDodItemRequest;
import dev.sortie.mission.v1.UpdateDodItemRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.work.FakeAgentService;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class DodItemGrpcServiceTest {
    @AutoClose
    private static final FakeAgentService AGENT = FakeAgentService.start();

    @AutoClose
    private static final MissionFixture MISSION =
            MissionFixture.start(settings -> settings.withAgent(AGENT.address(), ""));

    private final Calls developer = Calls.of(MISSION.developer());
    private final DodItemServiceBlockingStub items = developer.dodItems();
    private final String mission = developer.createApprovedMission("To be done").getMissionId();

    @Test
    void createsAnOpenItem() {
        var made = items.createDodItem(CreateDodItemRequest.newBuilder()
                        .setDodItem(Calls.dodItem(mission, "Every build is announced")
                                .setCategory(DodCategory.DOD_CATEGORY_NON_FUNCTIONAL)
                                .setCompleted(true))
                        .build())
                .getDodItem();
        assertThat(made.getText()).isEqualTo("Every build is announced");
        assertThat(made.getMissionId()).isEqualTo(mission);
        assertThat(made.getCategory()).isEqualTo(DodCategory.DOD_CATEGORY_NON_FUNCTIONAL);
        assertThat(made.getCompleted() || made.hasEvidence() || made.hasCompleteTime())
                .isFalse();
        assertThat(list(ListDodItemsRequest.newBuilder())).containsExactly(made);
    }

    @Test
    void createsOneItemForOneRequestId() throws Exception {
        var request = CreateDodItemRequest.newBuilder()
                .setDodItem(Calls.dodItem(mission, "Once"))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var outcomes = Together.call(20, number -> items.createDodItem(request));
        assertThat(outcomes).allMatch(Together.Outcome::succeeded);
        assertThat(outcomes.stream().filter(one -> !one.answer().getReplayed())).hasSize(1);
        assertThat(list(ListDodItemsRequest.newBuilder())).hasSize(1);
    }

    @Test
    void refusesItemsWithoutTextCategoryOrMission() {
        StatusAssert.fails(() -> items.createDodItem(CreateDodItemRequest.newBuilder()
                        .setDodItem(DodItem.getDefaultInstance())
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("dod_item.mission_id")
                .field("dod_item.text")
                .field("dod_item.category");
        StatusAssert.fails(() -> developer.createDodItem(UUID.randomUUID().toString(), "Of nothing"))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "dod_item.mission_id");
    }

    @Test
    void takesAThousandItemsAndNoMore() throws SQLException {
        MISSION.database().execute("""
                INSERT INTO dod_items (dod_item_id, mission_id, text, category, created_at, updated_at)
                SELECT gen_random_uuid(), '%s', 'item ' || n, 'TESTS', now(), now() FROM generate_series(1, 999) AS n
                """.formatted(mission));
        developer.createDodItem(mission, "The last one");
        StatusAssert.fails(() -> developer.createDodItem(mission, "One too many"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN)
                .metadata("limit", "1000");
    }

    @Test
    void listsItemsByCreationInPagesAndByWhatTheyAre() {
        var made = new ArrayList<DodItem>();
        for (int i = 0; i < 5; i++) {
            MISSION.clock().advance(Duration.ofMillis(1));
            made.add(items.createDodItem(CreateDodItemRequest.newBuilder()
                            .setDodItem(Calls.dodItem(mission, "item " + i)
                                    .setCategory(
                                            i % 2 == 0
                                                    ? DodCategory.DOD_CATEGORY_TESTS
                                                    : DodCategory.DOD_CATEGORY_FUNCTIONAL))
                            .build())
                    .getDodItem());
        }
        made.set(1, complete(made.get(1), null));
        var paged = new ArrayList<DodItem>();
        var request = ListDodItemsRequest.newBuilder().setMissionId(mission).setPageSize(2);
        do {
            var page = items.listDodItems(request.build());
            paged.addAll(page.getDodItemsList());
            request.setPageToken(page.getNextPageToken());
        } while (!request.getPageToken().isEmpty());
        assertThat(paged).isEqualTo(made);
        assertThat(list(ListDodItemsRequest.newBuilder().setCompleted(true))).containsExactly(made.get(1));
        assertThat(list(ListDodItemsRequest.newBuilder()
                        .setCompleted(false)
                        .setCategory(DodCategory.DOD_CATEGORY_FUNCTIONAL)))
                .containsExactly(made.get(3));
        StatusAssert.fails(() -> items.listDodItems(ListDodItemsRequest.newBuilder()
                        .setMissionId(UUID.randomUUID().toString())
                        .build()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "mission");
    }

    @Test
    void changesOpenItemsOnly() {
        var item = developer.createDodItem(mission, "Vague");
        var changed = update(item.toBuilder().setText("Precise").build(), "text");
        assertThat(changed.getText()).isEqualTo("Precise");
        assertThat(changed.getEtag()).isNotEqualTo(item.getEtag());
        StatusAssert.fails(() -> update(item, "text"))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        StatusAssert.fails(() -> update(changed, "completed"))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID);
        var complete = complete(changed, null);
        StatusAssert.fails(() -> update(complete, "text"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "COMPLETE");
    }

    @Test
    void completesWithEvidenceAndOpensAgain() {
        var asset = developer
                .createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, mission)
                        .build())
                .getAssetId();
        var item = developer.createDodItem(mission, "It is written down");
        var evidence = DodEvidence.newBuilder().setAssetId(asset).build();
        var complete = complete(item, evidence);
        assertThat(complete.getCompleted()).isTrue();
        assertThat(complete.getEvidence()).isEqualTo(evidence);
        assertThat(complete.getCompletedBy())
                .isEqualTo(MISSION.person(UserRole.USER_ROLE_DEVELOPER).id());
        assertThat(complete.hasCompleteTime()).isTrue();
        StatusAssert.fails(() -> complete(item.toBuilder().clearEtag().build(), null))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("allowed_moves", "REOPEN");

        // What it was is kept for the record.
        developer
                .assets()
                .deleteAsset(DeleteAssetRequest.newBuilder().setAssetId(asset).build());
        assertThat(list(ListDodItemsRequest.newBuilder())).containsExactly(complete);

        var open = reopen(complete);
        assertThat(open.getCompleted() || open.hasEvidence() || open.hasCompleteTime())
                .isFalse();
        assertThat(open.getCompletedBy()).isEmpty();
        StatusAssert.fails(() -> reopen(open))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                .metadata("allowed_moves", "COMPLETE");
    }

    @Test
    void refusesEvidenceThatIsNotThereOrOfAnotherMission() {
        var item = developer.createDodItem(mission, "Shown");
        var other = developer.createMission("Another").getMissionId();
        var asset = developer
                .createAsset(Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, other)
                        .build())
                .getAssetId();
        for (var id : List.of(asset, UUID.randomUUID().toString())) {
            StatusAssert.fails(() -> complete(
                            item, DodEvidence.newBuilder().setAssetId(id).build()))
                    .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                    .metadata("field", "evidence.asset_id")
                    .metadata("id", id);
        }
        StatusAssert.fails(() -> complete(item, DodEvidence.getDefaultInstance()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID);
    }

    @Test
    void asksAgentServiceForExecutions() {
        var item = developer.createDodItem(mission, "It ran");
        var evidence =
                DodEvidence.newBuilder().setExecutionId(AGENT.addExecution()).build();
        var unknown = DodEvidence.newBuilder()
                .setExecutionId(UUID.randomUUID().toString())
                .build();
        StatusAssert.fails(() -> complete(item, unknown))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("resource", "execution")
                .metadata("field", "evidence.execution_id");
        assertThat(complete(item, evidence).getEvidence()).isEqualTo(evidence);
    }

    @Test
    void saysSoWhenAgentServiceIsAway() {
        var agent = FakeAgentService.start();
        agent.down();
        try (var alone = MissionFixture.start(settings -> settings.withAgent(agent.address(), ""))) {
            var calls = Calls.of(alone.developer());
            var item = calls.createDodItem(calls.createMission("Alone").getMissionId(), "It ran");
            StatusAssert.fails(() -> calls.dodItems()
                            .completeDodItem(CompleteDodItemRequest.newBuilder()
                                    .setDodItemId(item.getDodItemId())
                                    .setEvidence(DodEvidence.newBuilder()
                                            .setExecutionId(UUID.randomUUID().toString()))
                                    .build()))
                    .with(Code.UNAVAILABLE, dev.sortie.type.v1.ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE)
                    .metadata("dependency", "agent-service")
                    .retryable();
        }
    }

    @Test
    void completesOnceWhenManyDoAtOnce() throws Exception {
        var item = developer.createDodItem(mission, "Contended").toBuilder()
                .clearEtag()
                .build();
        var outcomes = Together.call(50, number -> complete(item, null));
        assertThat(outcomes.stream().filter(Together.Outcome::succeeded)).hasSize(1);
        outcomes.stream()
                .filter(one -> !one.succeeded())
                .forEach(one -> StatusAssert.of(one.failure())
                        .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED));
    }

    @Test
    void changesNothingOfAMissionThatHasEnded() {
        var item = developer.createDodItem(mission, "Too late");
        developer
                .missions()
                .cancelMission(
                        CancelMissionRequest.newBuilder().setMissionId(mission).build());
        List.<Runnable>of(
                        () -> developer.createDodItem(mission, "Later still"),
                        () -> update(item.toBuilder().setText("x").build(), "text"),
                        () -> complete(item, null),
                        () -> reopen(item),
                        () -> delete(item))
                .forEach(call -> StatusAssert.fails(call::run)
                        .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                        .metadata("resource", "mission")
                        .metadata("state", "CANCELLED"));
    }

    @Test
    void deletesAndTellsOfEveryChange() throws SQLException {
        var item = developer.createDodItem(mission, "Short-lived");
        var complete = complete(item, null);
        assertThat(delete(complete)).isEqualTo(complete);
        assertThat(list(ListDodItemsRequest.newBuilder())).isEmpty();
        StatusAssert.fails(() -> delete(complete))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", "dod_item");
        var kinds = new ArrayList<String>();
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT kind || ' ' || (attributes ->> 'completed') FROM change_log"
                        + " WHERE resource_type = 'dod_item' AND resource_id = '" + item.getDodItemId()
                        + "' ORDER BY version, kind")) {
            while (rows.next()) {
                kinds.add(rows.getString(1));
            }
        }
        assertThat(kinds).containsExactlyInAnyOrder("CREATED false", "UPDATED true", "DELETED true");
    }

    private List<DodItem> list(ListDodItemsRequest.Builder request) {
        return items.listDodItems(request.setMissionId(mission).build()).getDodItemsList();
    }

    private DodItem update(DodItem item, String path) {
        return items.updateDodItem(UpdateDodItemRequest.newBuilder()
                        .setDodItem(item)
                        .setUpdateMask(FieldMask.newBuilder().addPaths(path))
                        .build())
                .getDodItem();
    }

    private DodItem complete(DodItem item, DodEvidence evidence) {
        var request = CompleteDodItemRequest.newBuilder()
                .setDodItemId(item.getDodItemId())
                .setEtag(item.getEtag());
        if (evidence != null) {
            request.setEvidence(evidence);
        }
        return items.completeDodItem(request.build()).getDodItem();
    }

    private DodItem reopen(DodItem item) {
        return items.reopenDodItem(ReopenDodItemRequest.newBuilder()
                        .setDodItemId(item.getDodItemId())
                        .build())
                .getDodItem();
    }

    private DodItem delete(DodItem item) {
        return items.deleteDodItem(DeleteDodItemRequest.newBuilder()
                        .setDodItemId(item.getDodItemId())
                        .build())
                .getDodItem();
    }
}
