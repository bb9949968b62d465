package dev.sortie.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetRole;
import dev.sortie.mission.v1.AssetScopeType;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.AssetServiceGrpc.AssetServiceBlockingStub;
import dev.sortie.mission.v1.CreateAssetRequest;
import dev.sortie.mission.v1.GetAssetRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TransferCommandsTest {

    @AutoClose
    private static CommandsFixture sortie;

    private static AssetServiceBlockingStub assets;

    @TempDir
    Path folder;

    @BeforeAll
    static void start() throws Exception {
        sortie = new CommandsFixture();
        assets = AssetServiceGrpc.newBlockingStub(sortie.channel());
    }

    @Test
    void movesAFileThereAndBack() throws Exception {
        var bytes = random(1_000_003);
        var file = Files.write(folder.resolve("report ä.md"), bytes);
        var asset = newAsset();
        var up = sortie.run("upload", "--media-type", "text/markdown", "--summary", "In short", asset, file.toString());
        assertThat(up.err()).isEmpty();
        assertThat(up.exitCode()).isEqualTo(ExitCode.OK);
        assertThat(up.out()).isEqualTo("asset " + asset + ": 1000003 bytes, text/markdown, version 1\n");
        var uploaded = asset(asset);
        assertThat(uploaded.getContentInfo().getFileName()).isEqualTo("report ä.md");
        assertThat(uploaded.getContentSummary()).isEqualTo("In short");

        var down = sortie.run("download", asset, folder.resolve("copy").toString());
        assertThat(down.err()).isEmpty();
        assertThat(down.exitCode()).isEqualTo(ExitCode.OK);
        assertThat(Files.readAllBytes(folder.resolve("copy"))).isEqualTo(bytes);

        var named = Files.createDirectory(folder.resolve("named"));
        assertThat(sortie.run("download", asset, named.toString()).exitCode()).isEqualTo(ExitCode.OK);
        assertThat(Files.readAllBytes(named.resolve("report ä.md"))).isEqualTo(bytes);
    }

    @Test
    void goesOnWithADownloadThatBroke() throws Exception {
        var bytes = random(700_000);
        var asset = newAsset();
        sortie.run(
                "upload", asset, Files.write(folder.resolve("data.bin"), bytes).toString());
        var sum = asset(asset).getContentInfo().getSha256();
        var part = folder.resolve("copy." + sum.substring(0, 16) + ".part");
        for (int there : new int[] {1, 300_000, 700_000}) {
            Files.write(part, Arrays.copyOf(bytes, there));
            var outcome = sortie.run("download", asset, folder.resolve("copy").toString());
            assertThat(outcome.err()).isEmpty();
            assertThat(Files.readAllBytes(folder.resolve("copy"))).isEqualTo(bytes);
            assertThat(part).doesNotExist();
        }
        Files.write(part, new byte[1000]); // of something else, whatever its name says
        var outcome = sortie.run("download", asset, folder.resolve("copy").toString());
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(outcome.err()).contains("download it again");
        assertThat(part).doesNotExist();
        assertThat(Files.readAllBytes(folder.resolve("copy"))).isEqualTo(bytes);
    }

    @Test
    void saysWhatCannotBeMoved() throws Exception {
        var file = Files.writeString(folder.resolve("file"), "text");
        var nothing = UUID.randomUUID().toString();
        var unknown = sortie.run("upload", nothing, file.toString());
        assertThat(unknown.exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(unknown.err()).contains("asset " + nothing + " does not exist");
        assertThat(sortie.run("upload", newAsset(), folder.resolve("none").toString())
                        .err())
                .contains("cannot be read");
        assertThat(sortie.run("upload", newAsset(), folder.toString()).err()).contains("is a folder");
        assertThat(sortie.run("upload", newAsset()).err()).contains("see --help");
        assertThat(sortie.run("download").err()).contains("see --help");
        var empty = sortie.run("download", newAsset(), folder.resolve("copy").toString());
        assertThat(empty.exitCode()).isEqualTo(ExitCode.ERROR);
        assertThat(empty.err()).contains("has no content");
        assertThat(folder.resolve("copy")).doesNotExist();
    }

    private static String newAsset() {
        return assets.createAsset(CreateAssetRequest.newBuilder()
                        .setAsset(Asset.newBuilder()
                                .setScopeType(AssetScopeType.ASSET_SCOPE_TYPE_MISSION)
                                .setScopeId(sortie.newMission("With files").getMissionId())
                                .setName("A file")
                                .setType("file")
                                .setRole(AssetRole.ASSET_ROLE_INPUT))
                        .build())
                .getAsset()
                .getAssetId();
    }

    private static Asset asset(String id) {
        return assets.getAsset(GetAssetRequest.newBuilder().setAssetId(id).build())
                .getAsset();
    }

    private static byte[] random(int length) {
        var bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }
}
