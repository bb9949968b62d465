package dev.sortie.cli;

import dev.sortie.mission.v1.AssetContentInfo;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.DownloadAssetContentRequest;
import dev.sortie.mission.v1.DownloadAssetContentResponse;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Set;

/**
 * {@code sortie download}: the content of an asset becomes a file. What has come lies beside it until all of it is there,
 * under a name that tells which content it is of: so another call goes on with it, and never with something else.
 */
final class DownloadCommand implements Command {

    @Override
    public String help() {
        return """
                Writes the content of an asset that was uploaded into a file. One that broke off, of the same content into
                the same file, is gone on with. The file is there when all of it is, and its SHA-256 is right.

                usage: sortie download [OPTION…] ASSET [FILE]

                ASSET is the asset's id. Without FILE it gets the name it was uploaded with, in this folder, unless there
                is such a file. Exit codes: 0 it is there; 2 it did not work.

                options
                """;
    }

    @Override
    public Set<String> options() {
        return Set.of();
    }

    @Override
    public int run(Arguments arguments, Terminal terminal) {
        if (arguments.rest().isEmpty() || arguments.rest().size() > 2) {
            throw new CliException("an asset and at most one file are wanted; see --help");
        }
        var assetId = arguments.rest().getFirst();
        var wanted = arguments.rest().size() > 1 ? arguments.rest().get(1) : "";
        try (var connection = Connection.open(arguments, terminal.environment())) {
            var download = new Download(connection, assetId);
            var patience = new Patience();
            while (true) {
                try {
                    var file = download.run(wanted, terminal);
                    terminal.out().printf("%s: %d bytes%n", file, Files.size(file));
                    return ExitCode.OK;
                } catch (StatusException failed) {
                    if (!isPassing(failed.getStatus()) || !patience.isLeft()) {
                        throw connection.refusal(failed.getStatus());
                    }
                    terminal.err().println(failed.getStatus().getDescription() + "; going on from there");
                }
            }
        } catch (IOException e) {
            throw new CliException("the file cannot be written: " + e.getMessage(), e);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new CliException("interrupted", interrupted);
        }
    }

    private static boolean isPassing(Status failure) {
        return failure.getCode() == Status.Code.UNAVAILABLE
                || failure.getCode() == Status.Code.RESOURCE_EXHAUSTED
                || failure.getCode() == Status.Code.ABORTED; // it stalled, or became another one: a new one then
    }

    /** One content on its way into one file. */
    private record Download(Connection connection, String assetId) {

        Path run(String wanted, Terminal terminal) throws StatusException, InterruptedException, IOException {
            var call = open(0, "");
            var info = first(call);
            var file = file(wanted, info);
            var part = file.resolveSibling(
                    file.getFileName() + "." + info.getSha256().substring(0, 16) + ".part");
            var sum = Sums.begin();
            long there = Files.exists(part) ? Files.size(part) : 0;
            var progress = new Progress("downloading", info.getSize(), terminal.err());
            if (there > info.getSize()) {
                Files.delete(part);
                there = 0;
            }
            if (there > 0) {
                call.cancel("only the rest is wanted", null);
                sum = Sums.of(part, there);
                progress.add(there);
                call = open(there, info.getSha256());
                var _ = first(call);
            }
            write(call, part, sum, progress);
            if (!Sums.hex(sum).equals(info.getSha256())) {
                Files.delete(part);
                throw new CliException("what came is not what was uploaded; nothing is kept of it: download it again");
            }
            return Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        }

        private BlockingClientCall<?, DownloadAssetContentResponse> open(long offset, String sha256) {
            return AssetServiceGrpc.newBlockingV2Stub(connection.channel())
                    .downloadAssetContent(DownloadAssetContentRequest.newBuilder()
                            .setAssetId(assetId)
                            .setOffset(offset)
                            .setSha256(sha256)
                            .build());
        }

        private static AssetContentInfo first(BlockingClientCall<?, DownloadAssetContentResponse> call)
                throws StatusException, InterruptedException {
            var message = call.read();
            if (message == null) {
                throw new CliException("the server ended the call without an answer");
            }
            return message.getContentInfo();
        }

        private static void write(
                BlockingClientCall<?, DownloadAssetContentResponse> call,
                Path part,
                MessageDigest sum,
                Progress progress)
                throws StatusException, InterruptedException, IOException {
            try (var output = Files.newOutputStream(part, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
                for (var message = call.read(); message != null; message = call.read()) {
                    message.getData().writeTo(output);
                    sum.update(message.getData().asReadOnlyByteBuffer());
                    progress.add(message.getData().size());
                }
            } catch (IOException e) {
                call.cancel("the file cannot be written", e);
                throw e;
            }
        }

        private Path file(String wanted, AssetContentInfo info) {
            if (!wanted.isEmpty()) {
                var given = Path.of(wanted);
                return Files.isDirectory(given) ? given.resolve(name(info)) : given;
            }
            var file = Path.of(name(info));
            if (Files.exists(file)) {
                throw new CliException("there is a file " + file + " already; say which file to write");
            }
            return file;
        }

        /** The server sees to it that it is a name and no path; it does not see what a folder is here. */
        private String name(AssetContentInfo info) {
            var name = info.getFileName();
            return name.isEmpty() || name.startsWith(".") || name.contains("/") || name.contains("\\") ? assetId : name;
        }
    }
}
