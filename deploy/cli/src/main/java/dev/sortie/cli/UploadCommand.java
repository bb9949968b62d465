package dev.sortie.cli;

import com.google.protobuf.ByteString;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UploadAssetContentResponse;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.UUID;

/** {@code sortie upload}: a file becomes the content of an asset. */
final class UploadCommand implements Command {
    private static final int CHUNK = 256 * 1024;
    private static final long MAX_BYTES = 1L << 30;

    @Override
    public String help() {
        return """
                Makes a file of up to 1 GiB the content of an asset, in the place of what the asset had before. The asset
                changes when all of the file is there, and never to a part of it.

                usage: sortie upload [OPTION…] ASSET FILE

                ASSET is the asset's id. Exit codes: 0 it is the content; 2 it did not work.

                options
                  --media-type TYPE       what kind of data it is, such as text/markdown (told by the name of the file)
                  --summary TEXT          the content in short (made by the server)
                """;
    }

    @Override
    public Set<String> options() {
        return Set.of("--media-type", "--summary");
    }

    @Override
    public int run(Arguments arguments, Terminal terminal) {
        if (arguments.rest().size() != 2) {
            throw new CliException("an asset and a file are wanted; see --help");
        }
        var file = Path.of(arguments.rest().get(1));
        var size = size(file);
        var first = UploadAssetContentRequest.newBuilder()
                .setAssetId(arguments.rest().getFirst())
                .setMediaType(arguments.last("--media-type").orElseGet(() -> mediaType(file)))
                .setFileName(String.valueOf(file.toAbsolutePath().getFileName()))
                .setContentSummary(arguments.last("--summary").orElse(""))
                .setSize(size)
                .setSha256(Sums.hex(Sums.of(file, size)))
                .setRequestId(UUID.randomUUID().toString())
                .build();
        try (var connection = Connection.open(arguments, terminal.environment())) {
            var patience = new Patience();
            while (true) {
                try {
                    var asset = send(connection, first, file, new Progress("uploading", size, terminal.err()));
                    terminal.out()
                            .printf(
                                    "asset %s: %d bytes, %s, version %d%n",
                                    asset.getAssetId(),
                                    asset.getContentInfo().getSize(),
                                    asset.getContentInfo().getMediaType(),
                                    asset.getAssetMetadata().getVersion());
                    return ExitCode.OK;
                } catch (StatusException failed) {
                    // Nothing was stored, or all of it was: the request id tells which.
                    if (!isPassing(failed.getStatus()) || !patience.isLeft()) {
                        throw connection.refusal(failed.getStatus());
                    }
                    terminal.err().println(failed.getStatus().getDescription() + "; once more");
                }
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new CliException("interrupted", interrupted);
        }
    }

    private static Asset send(Connection connection, UploadAssetContentRequest first, Path file, Progress progress)
            throws StatusException, InterruptedException {
        var call = AssetServiceGrpc.newBlockingV2Stub(connection.channel()).uploadAssetContent();
        try (var bytes = Files.newInputStream(file)) {
            boolean isWanted = call.write(first);
            while (isWanted) {
                var chunk = bytes.readNBytes(CHUNK);
                if (chunk.length == 0) {
                    break;
                }
                isWanted = call.write(UploadAssetContentRequest.newBuilder()
                        .setData(ByteString.copyFrom(chunk))
                        .build());
                progress.add(chunk.length);
            }
            if (isWanted) { // else it has answered already
                call.halfClose();
            }
            return answer(call).getAsset();
        } catch (IOException e) {
            call.cancel("the file cannot be read", e);
            throw new CliException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static UploadAssetContentResponse answer(
            BlockingClientCall<UploadAssetContentRequest, UploadAssetContentResponse> call)
            throws StatusException, InterruptedException {
        var answer = call.read();
        if (answer == null) {
            throw new CliException("the server ended the call without an answer");
        }
        return answer;
    }

    private static boolean isPassing(Status failure) {
        return failure.getCode() == Status.Code.UNAVAILABLE || failure.getCode() == Status.Code.RESOURCE_EXHAUSTED;
    }

    private static long size(Path file) {
        try {
            if (Files.isDirectory(file)) {
                throw new CliException(file + " is a folder");
            }
            long size = Files.size(file);
            if (size > MAX_BYTES) {
                throw new CliException(file + " is larger than 1 GiB");
            }
            return size;
        } catch (IOException e) {
            throw new CliException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static String mediaType(Path file) {
        try {
            var told = Files.probeContentType(file);
            return told == null ? "" : told;
        } catch (IOException unknown) {
            return "";
        }
    }
}
