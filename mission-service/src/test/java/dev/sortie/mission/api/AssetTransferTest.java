package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetContentInfo;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetStatus;
import dev.sortie.mission.v1.DeleteAssetRequest;
import dev.sortie.mission.v1.DeleteHopRequest;
import dev.sortie.mission.v1.DeleteMissionRequest;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.DownloadAssetContentRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.ListAssetsRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.UpdateAssetRequest;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.mission.work.Eventually;
import dev.sortie.runtime.testing.StatusAssert;
import io.grpc.Status.Code;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Contents that come and go as streams. */
class AssetTransferTest {
    private static final int CHUNK = 256 * 1024;

    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final Calls developer = Calls.of(MISSION.developer());
    private final Transfers transfers = new Transfers(MISSION.developer());
    private final String mission = developer.createMission("With large assets").getMissionId();

    @ParameterizedTest
    @CsvSource({
        "0, 1",
        "1, 1",
        "1000, 7",
        "262143, 65536",
        "262144, 262144",
        "262145, 1048576",
        "1048576, 1048576",
        "2097152, 100000",
        "5000001, 333333"
    })
    void givesBackWhatItTook(int size, int length) {
        var bytes = Transfers.random(size, size);
        var id = newAsset();
        var uploaded = transfers
                .upload(
                        Transfers.named(id, bytes)
                                .setMediaType("application/zip")
                                .setFileName("Bericht ä.zip")
                                .setSize(size),
                        bytes,
                        length)
                .getAsset();
        var info = AssetContentInfo.newBuilder()
                .setSize(size)
                .setSha256(Transfers.sha256(bytes))
                .setMediaType("application/zip")
                .setFileName("Bericht ä.zip")
                .build();
        assertThat(uploaded.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_READY);
        assertThat(uploaded.getContentInfo()).isEqualTo(info);
        assertThat(uploaded.getAssetMetadata().getVersion()).isOne();
        assertThat(uploaded.getEtag()).isEqualTo("2");
        assertThat(uploaded.getContentSummary()).isEqualTo("Bericht ä.zip, application/zip, " + size + " bytes");
        assertThat(developer.asset(id)).isEqualTo(uploaded);
        assertThat(uploaded.hasContent()).isFalse();

        var downloaded = new Transfers(MISSION.viewer()).download(id);
        assertThat(downloaded.first().getContentVersion()).isOne();
        assertThat(downloaded.first().getData()).isEqualTo(ByteString.EMPTY);
        assertThat(downloaded.info()).isEqualTo(info);
        assertThat(downloaded.bytes()).isEqualTo(bytes);
    }

    @Test
    void tellsOthersOfAnUploadOnceAndOnlyWhenItIsDone() throws SQLException {
        var id = newAsset();
        var bytes = Transfers.random(CHUNK * 12, 20);
        var changes = "SELECT count(*) FROM change_log WHERE resource_id = '" + id + "'";
        var upload = transfers.begin(Transfers.named(id, bytes));
        upload.send(bytes, 0, CHUNK * 4).send(bytes, CHUNK * 4, CHUNK * 8);
        Eventually.see(() -> pieces(id), rows -> rows == 8);
        assertThat(count(changes)).isOne();
        assertThat(developer.asset(id).getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_PENDING);
        upload.send(bytes, CHUNK * 8, CHUNK * 12).finish();
        assertThat(count(changes + " AND kind = 'UPDATED' AND version = 2 AND attributes ->> 'status' = 'READY'"))
                .isOne();
        assertThat(count(changes)).isEqualTo(2);
        awaitNothingLeft();
    }

    @Test
    void removesWhatNobodyNeedsAFewPiecesAtATime() throws SQLException {
        var content = UUID.randomUUID();
        MISSION.database().execute("""
                INSERT INTO asset_contents (content_id, media_type, created_at, updated_at)
                VALUES ('%s', 'text/plain', now(), now() + interval '1 day')
                """.formatted(content), """
                INSERT INTO asset_chunks (content_id, position, data, created_at, updated_at)
                SELECT '%s', position, 'x', now(), now() FROM generate_series(0, 199) AS position
                """.formatted(content));
        awaitNothingLeft();
        assertThat(count("SELECT count(*) FROM asset_chunks WHERE content_id = '" + content + "'"))
                .isZero();
    }

    @Test
    void takesUpADownloadWhereverItBroke() {
        var bytes = Transfers.random(3 * CHUNK + 12_345, 1);
        var id = newAsset();
        transfers.upload(id, bytes);
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int i = 0; i < 60; i++) {
            int offset = i < 5
                    ? new int[] {1, CHUNK - 1, CHUNK, bytes.length - 1, bytes.length}[i]
                    : random.nextInt(bytes.length);
            var rest = transfers.download(DownloadAssetContentRequest.newBuilder()
                    .setAssetId(id)
                    .setOffset(offset)
                    .setSha256(Transfers.sha256(bytes))
                    .build());
            assertThat(rest.first().getOffset()).isEqualTo(offset);
            assertThat(rest.bytes())
                    .as("from %d, seed %d", offset, seed)
                    .isEqualTo(Arrays.copyOfRange(bytes, offset, bytes.length));
        }
    }

    @Test
    void refusesToGoOnWithAnotherContent() {
        var first = Transfers.random(CHUNK + 1, 2);
        var second = Transfers.random(CHUNK + 1, 3);
        var id = newAsset();
        transfers.upload(id, first);
        transfers.upload(id, second);
        var rest = DownloadAssetContentRequest.newBuilder().setAssetId(id).setOffset(10);
        StatusAssert.fails(() -> transfers.download(
                        rest.setSha256(Transfers.sha256(first)).build()))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_CONTENT_CHANGED)
                .metadata("asset_id", id);
        StatusAssert.fails(() -> transfers.download(rest.clearSha256().build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("sha256");
        StatusAssert.fails(() -> transfers.download(rest.setSha256(Transfers.sha256(second))
                        .setOffset(second.length + 1)
                        .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("offset");
        developer.assets().updateAsset(inline(id, "small"));
        StatusAssert.fails(() -> transfers.download(rest.setOffset(1).build()))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_CONTENT_CHANGED);
        StatusAssert.fails(() -> transfers.download(id))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CONTENT_NOT_STREAMED)
                .metadata("state", "READY");
        StatusAssert.fails(() -> transfers.download(newAsset()))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_CONTENT_NOT_STREAMED)
                .metadata("state", "PENDING");
        StatusAssert.fails(() -> transfers.download(UUID.randomUUID().toString()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
    }

    @Test
    void takesTheSumWithTheLastBytesToo() {
        var bytes = Transfers.random(CHUNK * 2, 4);
        var id = newAsset();
        var upload = transfers.begin(UploadAssetContentRequest.newBuilder().setAssetId(id));
        upload.send(bytes, 0, CHUNK);
        var asset = upload.send(UploadAssetContentRequest.newBuilder()
                        .setData(ByteString.copyFrom(bytes, CHUNK, CHUNK))
                        .setSha256(Transfers.sha256(bytes)))
                .finish()
                .getAsset();
        assertThat(asset.getContentInfo().getMediaType()).isEqualTo("application/octet-stream");
        assertThat(transfers.download(id).bytes()).isEqualTo(bytes);

        var single = "all at once".getBytes(StandardCharsets.UTF_8);
        var one = transfers
                .begin(Transfers.named(id, single).setData(ByteString.copyFrom(single)))
                .finish();
        assertThat(one.getAsset().getAssetMetadata().getVersion()).isEqualTo(2);
        assertThat(transfers.download(id).bytes()).isEqualTo(single);
    }

    @Test
    void showsTextByItsBeginningAndCountsItsTokens() {
        var id = newAsset();
        var text = "hello world";
        var asset = uploadText(id, "text/plain; charset=utf-8", text);
        assertThat(asset.getContentSummary()).isEqualTo(text);
        assertThat(asset.getAssetMetadata().getTokenCount()).isEqualTo(2);
        assertThat(uploadText(id, "application/problem+json", "{}").getContentSummary())
                .isEqualTo("{}");
        var long1 = uploadText(id, "text/markdown", "€".repeat(CHUNK * 2));
        assertThat(long1.getContentSummary()).isEqualTo("€".repeat(499) + "…");
        assertThat(long1.getAssetMetadata().getTokenCount()).isZero();
        var bytes = new byte[] {'a', (byte) 0xff, 'b'};
        assertThat(transfers
                        .upload(Transfers.named(id, bytes).setMediaType("text/plain"), bytes, 3)
                        .getAsset()
                        .getContentSummary())
                .isEqualTo("text/plain, 3 bytes");
        assertThat(uploadText(id, "text/plain", "a\0b").getContentSummary()).isEqualTo("text/plain, 3 bytes");
        var given = "given".getBytes(StandardCharsets.UTF_8);
        assertThat(transfers
                        .upload(Transfers.named(id, given).setContentSummary("as I say"), given, 5)
                        .getAsset()
                        .getContentSummary())
                .isEqualTo("as I say");
    }

    @Test
    void letsInlineAndStreamedContentTakeEachOthersPlace() throws SQLException {
        var id = developer
                .createAsset(ofMission().setContent(text("inline")).build())
                .getAssetId();
        var bytes = Transfers.random(CHUNK + 5, 5);
        var streamed = transfers.upload(id, bytes);
        assertThat(streamed.hasContent()).isFalse();
        assertThat(streamed.getAssetMetadata().getVersion()).isEqualTo(2);
        assertThat(developer.asset(id).hasContent()).isFalse();

        var renamed = update(Asset.newBuilder().setAssetId(id).setName("other"), "name");
        assertThat(renamed.getContentInfo()).isEqualTo(streamed.getContentInfo());

        var inline = developer.assets().updateAsset(inline(id, "again")).getAsset();
        assertThat(inline.hasContentInfo()).isFalse();
        assertThat(inline.getContent()).isEqualTo(text("again"));
        assertThat(inline.getAssetMetadata().getVersion()).isEqualTo(3);

        transfers.upload(id, bytes);
        var emptied = update(Asset.newBuilder().setAssetId(id), "content");
        assertThat(emptied.getStatus()).isEqualTo(AssetStatus.ASSET_STATUS_PENDING);
        assertThat(emptied.hasContentInfo()).isFalse();
        assertThat(left(id)).isZero();
        awaitNothingLeft();
    }

    @Test
    void listsWhatStreamedContentIsButNotTheContent() {
        var id = newAsset();
        var bytes = Transfers.random(100, 6);
        transfers.upload(id, bytes);
        assertThat(developer
                        .assets()
                        .listAssets(ListAssetsRequest.newBuilder()
                                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_MISSION)
                                .setScopeId(mission)
                                .build())
                        .getAssetsList())
                .singleElement()
                .satisfies(
                        asset -> assertThat(asset.getContentInfo().getSha256()).isEqualTo(Transfers.sha256(bytes)));
    }

    @Test
    void refusesWhatIsNotWhatWasPromised() throws SQLException {
        var bytes = Transfers.random(CHUNK * 5, 7);
        var id = newAsset();
        var before = developer.asset(id);
        var wrong = Transfers.sha256(new byte[1]);
        StatusAssert.fails(() -> transfers.upload(Transfers.named(id, bytes).setSha256(wrong), bytes, CHUNK))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_CONTENT_MISMATCH)
                .metadata("field", "sha256")
                .metadata("expected", wrong)
                .metadata("actual", Transfers.sha256(bytes));
        StatusAssert.fails(() -> transfers.upload(Transfers.named(id, bytes).setSize(bytes.length + 1), bytes, CHUNK))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_CONTENT_MISMATCH)
                .metadata("field", "size")
                .metadata("actual", bytes.length);
        StatusAssert.fails(() -> transfers.upload(Transfers.named(id, bytes).setSize(CHUNK), bytes, CHUNK))
                .with(Code.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_CONTENT_MISMATCH)
                .metadata("field", "size");
        StatusAssert.fails(() ->
                        transfers.upload(UploadAssetContentRequest.newBuilder().setAssetId(id), bytes, CHUNK))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("sha256");
        assertThat(developer.asset(id)).isEqualTo(before);
        awaitNothingLeft();
    }

    @Test
    void refusesMessagesThatAreOutOfPlace() throws SQLException {
        var id = newAsset();
        var sum = Transfers.sha256(new byte[0]);
        var empty = UploadAssetContentRequest.newBuilder();
        assertRefused("asset_id", empty.clone().setSha256(sum));
        assertRefused(
                "asset_id", Transfers.named(id, new byte[0]), empty.clone().setAssetId(id));
        assertRefused("size", Transfers.named(id, new byte[0]), empty.clone().setSize(0));
        assertRefused("sha256", Transfers.named(id, new byte[0]), empty.clone().setSha256(sum));
        assertRefused("sha256", empty.clone().setAssetId(id), empty.clone().setSha256(sum), empty.clone());
        assertRefused("media_type", Transfers.named(id, new byte[0]).setMediaType("pdf"));
        assertRefused("file_name", Transfers.named(id, new byte[0]).setFileName("../passwd"));
        assertRefused("size", Transfers.named(id, new byte[0]).setSize((1L << 30) + 1));
        assertRefused("sha256", empty.clone().setAssetId(id).setSha256(sum.substring(1)));
        assertRefused(
                "data",
                Transfers.named(id, new byte[0]),
                empty.clone().setData(ByteString.copyFrom(new byte[1048577])));
        assertThat(developer.asset(id).getEtag()).isEqualTo("1");
        awaitNothingLeft();
    }

    /** When an upload breaks. */
    enum Moment {
        BEFORE_ANY_BYTES,
        AFTER_SOME_BYTES,
        AFTER_SOME_ARE_STORED,
        BEFORE_THE_END
    }

    @ParameterizedTest
    @EnumSource
    void leavesNothingOfAnUploadThatBreaks(Moment moment) throws SQLException {
        var bytes = Transfers.random(CHUNK * 9, 8);
        var kept = Transfers.random(1000, 9);
        var id = newAsset();
        var before = transfers.upload(id, kept);
        try (var upload = transfers.begin(Transfers.named(id, bytes))) {
            Eventually.see(() -> left(id), rows -> rows == 2); // it has begun
            int sent = switch (moment) {
                case BEFORE_ANY_BYTES -> 0;
                case AFTER_SOME_BYTES -> CHUNK / 2;
                case AFTER_SOME_ARE_STORED -> CHUNK * 8;
                case BEFORE_THE_END -> CHUNK * 9;
            };
            for (int from = 0; from < sent; from += CHUNK) {
                upload.send(bytes, from, Math.min(sent, from + CHUNK));
            }
            if (sent >= CHUNK * 8) {
                Eventually.see(() -> pieces(id), rows -> rows >= 8);
            }
        }
        awaitNothingLeft();
        assertThat(developer.asset(id)).isEqualTo(before);
        assertThat(transfers.download(id).bytes()).isEqualTo(kept);
    }

    @Test
    void letsOneOfManyUploadsToOneAssetWin() throws Exception {
        var id = newAsset();
        var uploads = new ArrayList<Transfers.Upload>();
        for (int i = 0; i < 10; i++) {
            uploads.add(transfers.begin(Transfers.named(id, Transfers.random(CHUNK * 3, i))));
        }
        Eventually.see(() -> left(id), rows -> rows == 10);
        var outcomes = Together.call(
                10,
                number -> uploads.get(number)
                        .send(Transfers.random(CHUNK * 3, number), 0, CHUNK * 3)
                        .finish()
                        .getAsset());
        assertThat(outcomes).filteredOn(Together.Outcome::succeeded).hasSize(1);
        outcomes.stream()
                .filter(one -> !one.succeeded())
                .forEach(one -> StatusAssert.of(one.failure())
                        .with(Code.ABORTED, ErrorReason.ERROR_REASON_CONTENT_CHANGED)
                        .metadata("asset_id", id));
        var won = outcomes.stream()
                .filter(Together.Outcome::succeeded)
                .findFirst()
                .orElseThrow()
                .answer();
        assertThat(developer.asset(id)).isEqualTo(won);
        assertThat(Transfers.sha256(transfers.download(id).bytes()))
                .isEqualTo(won.getContentInfo().getSha256());
        awaitNothingLeft();
    }

    @Test
    void givesWayToContentThatWasWrittenMeanwhileAndNotToOtherChanges() throws SQLException {
        var bytes = Transfers.random(10, 10);
        var id = newAsset();
        var overtaken = transfers.begin(Transfers.named(id, bytes));
        Eventually.see(() -> left(id), rows -> rows == 1);
        developer.assets().updateAsset(inline(id, "faster"));
        StatusAssert.fails(() -> overtaken.send(bytes, 0, 10).finish())
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_CONTENT_CHANGED);
        assertThat(developer.asset(id).getContent()).isEqualTo(text("faster"));

        // Written and taken away again: the version is as before, the content was another one meanwhile.
        var again = transfers.begin(Transfers.named(id, bytes));
        Eventually.see(() -> left(id), rows -> rows == 1);
        update(Asset.newBuilder().setAssetId(id), "content");
        developer.assets().updateAsset(inline(id, "new"));
        StatusAssert.fails(() -> again.send(bytes, 0, 10).finish())
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_CONTENT_CHANGED);

        var renamed = transfers.begin(Transfers.named(id, bytes));
        Eventually.see(() -> left(id), rows -> rows == 1);
        update(Asset.newBuilder().setAssetId(id).setName("other"), "name");
        assertThat(renamed.send(bytes, 0, 10).finish().getAsset().getName()).isEqualTo("other");

        var etag = developer.asset(id).getEtag();
        var pinned = transfers.begin(Transfers.named(id, bytes).setEtag(etag));
        Eventually.see(() -> left(id), rows -> rows == 2);
        update(Asset.newBuilder().setAssetId(id).setName("third"), "name");
        StatusAssert.fails(() -> pinned.send(bytes, 0, 10).finish())
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH);
        StatusAssert.fails(() -> transfers.upload(Transfers.named(id, bytes).setEtag(etag), bytes, 10))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("resource", "asset");
        awaitNothingLeft();
    }

    @Test
    void answersARepeatedUploadWithTheFirstResult() throws SQLException {
        var bytes = Transfers.random(CHUNK + 1, 11);
        var id = newAsset();
        var etag = developer.asset(id).getEtag();
        var request = Transfers.named(id, bytes)
                .setEtag(etag)
                .setRequestId(UUID.randomUUID().toString());
        var first = transfers.upload(request, bytes, CHUNK);
        assertThat(first.getReplayed()).isFalse();
        // Answered by its first message.
        var repeated = transfers.begin(request);
        assertThat(repeated.answer())
                .isEqualTo(first.toBuilder().setReplayed(true).build());
        // Which it is shows at its end only.
        var late = transfers.begin(request.clone().clearSha256());
        late.send(bytes, 0, bytes.length);
        assertThat(late.send(UploadAssetContentRequest.newBuilder().setSha256(Transfers.sha256(bytes)))
                        .finish())
                .isEqualTo(first.toBuilder().setReplayed(true).build());
        assertThat(developer.asset(id)).isEqualTo(first.getAsset());

        var other = Transfers.random(5, 12);
        StatusAssert.fails(() -> transfers.upload(request.clone().setSha256(Transfers.sha256(other)), other, 5))
                .with(Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
        var otherLate = transfers.begin(request.clone().clearSha256());
        StatusAssert.fails(() -> otherLate
                        .send(UploadAssetContentRequest.newBuilder()
                                .setData(ByteString.copyFrom(other))
                                .setSha256(Transfers.sha256(other)))
                        .finish())
                .with(Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
        awaitNothingLeft();
    }

    @Test
    void takesContentFromTheOwnerAdministratorsAndServices() throws SQLException {
        var bytes = Transfers.random(10, 13);
        var id = newAsset();
        var stranger = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        StatusAssert.fails(() -> new Transfers(MISSION.with(stranger.token())).upload(id, bytes))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER);
        StatusAssert.fails(() -> new Transfers(MISSION.viewer()).upload(id, bytes))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT);
        StatusAssert.fails(() -> new Transfers(MISSION.anonymous()).download(id))
                .with(Code.UNAUTHENTICATED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_TOKEN_MISSING);
        StatusAssert.fails(() -> transfers.upload(UUID.randomUUID().toString(), bytes))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        assertThat(new Transfers(MISSION.admin()).upload(id, bytes).getEtag()).isEqualTo("2");
        assertThat(new Transfers(MISSION.service()).upload(id, bytes).getEtag()).isEqualTo("3");
        assertThat(new Transfers(MISSION.with(stranger.token())).download(id).bytes())
                .isEqualTo(bytes);
        awaitNothingLeft();
    }

    /** What is deleted while content moves. */
    enum Target {
        ASSET,
        HOP,
        MISSION,
        HIDDEN_MISSION,
        USER
    }

    @ParameterizedTest
    @EnumSource
    void endsTransfersOfWhatIsDeleted(Target target) throws SQLException {
        var owner = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var calls = Calls.of(MISSION.admin());
        var admin = new Transfers(MISSION.admin());
        var missionId = calls.createMission(Mission.newBuilder()
                        .setName("To go")
                        .setUserId(owner.id())
                        .build())
                .getMissionId();
        var hopId = calls.createHop(missionId, "To go").getHopId();
        var bytes = Transfers.random(CHUNK * 40, 14);
        var read = calls.createAsset(
                        Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hopId).build())
                .getAssetId();
        var written = calls.createAsset(
                        Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_HOP, hopId).build())
                .getAssetId();
        admin.upload(read, bytes);
        var download = admin.open(
                DownloadAssetContentRequest.newBuilder().setAssetId(read).build());
        download.next();
        download.next();
        var upload = admin.begin(Transfers.named(written, bytes));
        upload.send(bytes, 0, CHUNK * 4);
        Eventually.see(() -> left(written), rows -> rows == 1);

        switch (target) {
            case ASSET -> {
                for (var id : List.of(read, written)) {
                    calls.assets()
                            .deleteAsset(DeleteAssetRequest.newBuilder()
                                    .setAssetId(id)
                                    .build());
                }
            }
            case HOP ->
                calls.hops()
                        .deleteHop(DeleteHopRequest.newBuilder().setHopId(hopId).build());
            case MISSION, HIDDEN_MISSION ->
                calls.missions()
                        .deleteMission(DeleteMissionRequest.newBuilder()
                                .setMissionId(missionId)
                                .setForce(target == Target.MISSION)
                                .build());
            case USER ->
                UserServiceGrpc.newBlockingStub(MISSION.admin())
                        .deleteUser(DeleteUserRequest.newBuilder()
                                .setUserId(owner.id())
                                .build());
        }
        StatusAssert.fails(() -> download.forEachRemaining(_ -> {}))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        StatusAssert.fails(() -> {
                    for (int from = CHUNK * 4; from < bytes.length; from += CHUNK * 4) {
                        upload.send(bytes, from, from + CHUNK * 4);
                    }
                    upload.finish();
                })
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        if (target == Target.HIDDEN_MISSION) {
            // It can come back, and its contents with it.
            Eventually.see(() -> left(read) + left(written), rows -> rows == 1);
            calls.missions()
                    .deleteMission(DeleteMissionRequest.newBuilder()
                            .setMissionId(missionId)
                            .setForce(true)
                            .build());
        }
        awaitNothingLeft();
    }

    @Test
    void endsADownloadWhoseContentIsReplaced() {
        var bytes = Transfers.random(CHUNK * 40, 15);
        var id = newAsset();
        transfers.upload(id, bytes);
        var download = transfers.open(
                DownloadAssetContentRequest.newBuilder().setAssetId(id).build());
        download.next();
        download.next();
        transfers.upload(id, Transfers.random(CHUNK * 40, 16));
        StatusAssert.fails(() -> download.forEachRemaining(_ -> {}))
                .with(Code.ABORTED, ErrorReason.ERROR_REASON_CONTENT_CHANGED);
    }

    @Test
    void givesNoContentThatWasDamaged() {
        var bytes = Transfers.random(CHUNK * 2, 17);
        var id = newAsset();
        transfers.upload(id, bytes);
        MISSION.database().execute("""
                UPDATE asset_chunks SET data = set_byte(data, 7, (get_byte(data, 7) + 1) %% 256)
                WHERE position = 0 AND content_id = (SELECT content_id FROM asset_contents WHERE asset_id = '%s')
                """.formatted(id));
        StatusAssert.fails(() -> transfers.download(id))
                .with(Code.INTERNAL, dev.sortie.type.v1.ErrorReason.ERROR_REASON_INTERNAL);
    }

    @Test
    void givesUpWhatItHearsNoMoreOf() throws SQLException {
        var bytes = Transfers.random(CHUNK * 8, 18);
        var id = newAsset();
        try (var upload = transfers.begin(Transfers.named(id, bytes))) {
            upload.send(bytes, 0, CHUNK * 4);
            Eventually.see(() -> pieces(id), rows -> rows == 4);
            // As if its process had been killed, and a long time ago.
            MISSION.database()
                    .execute("UPDATE asset_contents SET updated_at = updated_at - interval '1 day' WHERE asset_id = '"
                            + id + "'");
            MISSION.sweepContents();
            awaitNothingLeft();
            StatusAssert.fails(() -> upload.send(bytes, CHUNK * 4, CHUNK * 8).finish())
                    .with(Code.ABORTED, ErrorReason.ERROR_REASON_TRANSFER_STALLED);
        }
        assertThat(developer.asset(id).getEtag()).isEqualTo("1");
        awaitNothingLeft();
    }

    @Test
    void staysInHandWhileASlowSenderGoesOn() throws SQLException {
        var id = newAsset();
        var bytes = Transfers.random(10, 19);
        try (var upload = transfers.begin(Transfers.named(id, bytes))) {
            Eventually.see(() -> left(id), rows -> rows == 1);
            for (int i = 0; i < 10; i++) {
                MISSION.clock().advance(Duration.ofMinutes(2)); // twice the idle time, less than what makes an orphan
                upload.send(bytes, i, i + 1);
                var now = MISSION.clock().instant();
                Eventually.see(() -> isHeardOf(id, now), heard -> heard);
                MISSION.sweepContents();
            }
            assertThat(upload.finish().getAsset().getContentInfo().getSize()).isEqualTo(10);
        }
        assertThat(transfers.download(id).bytes()).isEqualTo(bytes);
    }

    @Test
    void staysInHandWhenTimeGoesByWhileItIsStored() throws SQLException {
        var id = newAsset();
        var bytes = Transfers.random(2, 21);
        var isSlow = new AtomicBoolean();
        MISSION.server().runtime().database().onStatement((_, sql, _) -> {
            if (sql.startsWith("UPDATE asset_contents SET updated_at") && isSlow.compareAndSet(true, false)) {
                MISSION.clock().advance(Duration.ofMinutes(2));
            }
        });
        try (var upload = transfers.begin(Transfers.named(id, bytes))) {
            Eventually.see(() -> left(id), rows -> rows == 1);
            isSlow.set(true);
            MISSION.clock().advance(Duration.ofMinutes(2));
            upload.send(bytes, 0, 1);
            Eventually.see(isSlow::get, slow -> !slow);
            upload.send(bytes, 1, 2);
            var now = MISSION.clock().instant();
            Eventually.see(() -> isHeardOf(id, now), heard -> heard);
            assertThat(upload.finish().getAsset().getContentInfo().getSize()).isEqualTo(2);
        }
        awaitNothingLeft();
    }

    @Test
    void leavesNothingOfUploadsThatAreCutOffAsTheyBegin() throws SQLException {
        var id = newAsset();
        var bytes = Transfers.random(1, 22);
        for (int i = 0; i < 30; i++) {
            try (var upload = transfers.begin(Transfers.named(id, bytes))) {
                Eventually.see(() -> left(id), rows -> rows > 0); // the server may not know yet
                assertThat(upload).isNotNull();
            }
            awaitNothingLeft();
        }
    }

    private void assertRefused(String field, UploadAssetContentRequest.Builder... messages) {
        StatusAssert.fails(() -> {
                    var upload = transfers.begin(messages[0]);
                    for (int i = 1; i < messages.length; i++) {
                        upload.send(messages[i]);
                    }
                    upload.finish();
                })
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field(field);
    }

    private Asset uploadText(String id, String mediaType, String text) {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        return transfers
                .upload(Transfers.named(id, bytes).setMediaType(mediaType), bytes, 100_000)
                .getAsset();
    }

    private Asset update(Asset.Builder asset, String path) {
        return developer
                .assets()
                .updateAsset(UpdateAssetRequest.newBuilder()
                        .setAsset(asset)
                        .setUpdateMask(FieldMask.newBuilder().addPaths(path))
                        .build())
                .getAsset();
    }

    private static UpdateAssetRequest inline(String id, String content) {
        return UpdateAssetRequest.newBuilder()
                .setAsset(Asset.newBuilder().setAssetId(id).setContent(text(content)))
                .build();
    }

    private String newAsset() {
        return developer.createAsset(ofMission().build()).getAssetId();
    }

    private Asset.Builder ofMission() {
        return Calls.asset(AssetScopeType.ASSET_SCOPE_TYPE_MISSION, mission);
    }

    private static Value text(String text) {
        return Value.newBuilder().setStringValue(text).build();
    }

    /** When the upload of an asset was last heard of. */
    private static boolean isHeardOf(String id, Instant since) {
        return count("SELECT count(*) FROM asset_contents WHERE status = 'UPLOADING' AND asset_id = '" + id
                        + "' AND updated_at >= '" + since + "'")
                == 1;
    }

    /** How many pieces there are of the contents of an asset. */
    private static long pieces(String id) {
        return count("SELECT count(*) FROM asset_chunks JOIN asset_contents USING (content_id) WHERE asset_id = '" + id
                + "'");
    }

    /** How many contents an asset has, those on their way included. */
    private static long left(String id) {
        return count("SELECT count(*) FROM asset_contents WHERE asset_id = '" + id + "'");
    }

    /** Nothing is there but what assets have for content. */
    private static void awaitNothingLeft() throws SQLException {
        Eventually.see(
                () -> {
                    MISSION.sweepContents(); // replaced contents would have to wait for the server's own job
                    return count("SELECT count(*) FROM asset_contents WHERE asset_id IS NULL OR status <> 'COMPLETE'");
                },
                rows -> rows == 0);
        assertThat(count("""
                SELECT count(*) FROM asset_chunks k
                WHERE NOT EXISTS (SELECT FROM asset_contents c JOIN assets a USING (asset_id)
                                  WHERE c.content_id = k.content_id AND a.content_info IS NOT NULL)
                """)).isZero();
    }

    private static long count(String sql) {
        try (var connection = MISSION.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }
}
