package dev.sortie.mission.api;

import com.google.protobuf.ByteString;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.AssetContentInfo;
import dev.sortie.mission.v1.AssetServiceGrpc;
import dev.sortie.mission.v1.DownloadAssetContentRequest;
import dev.sortie.mission.v1.DownloadAssetContentResponse;
import dev.sortie.mission.v1.UploadAssetContentRequest;
import dev.sortie.mission.v1.UploadAssetContentResponse;
import io.grpc.Channel;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.ByteArrayOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.Random;

/** The calls of one caller that move the contents of assets. */
record Transfers(Channel channel) {

    /** What came of a download. */
    record Downloaded(DownloadAssetContentResponse first, byte[] bytes) {
        AssetContentInfo info() {
            return first.getContentInfo();
        }
    }

    /** An upload under way. */
    static final class Upload implements AutoCloseable {
        private final BlockingClientCall<UploadAssetContentRequest, UploadAssetContentResponse> call;

        private Upload(BlockingClientCall<UploadAssetContentRequest, UploadAssetContentResponse> call) {
            this.call = call;
        }

        /** Sends a message when the server has room for it. */
        Upload send(UploadAssetContentRequest.Builder message) {
            try {
                call.write(message.build());
                return this;
            } catch (StatusException refused) {
                throw refused.getStatus().asRuntimeException(refused.getTrailers());
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        }

        Upload send(byte[] bytes, int from, int to) {
            return send(UploadAssetContentRequest.newBuilder().setData(ByteString.copyFrom(bytes, from, to - from)));
        }

        /** Ends the stream; returns what the server answers. */
        UploadAssetContentResponse finish() {
            call.halfClose();
            return answer();
        }

        /** What the server answers, without an end of the stream. */
        UploadAssetContentResponse answer() {
            try {
                return call.read();
            } catch (StatusException refused) {
                throw refused.getStatus().asRuntimeException(refused.getTrailers());
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        }

        /** Goes away in the middle. */
        @Override
        public void close() {
            call.cancel("gone", null);
        }
    }

    Upload begin(UploadAssetContentRequest.Builder first) {
        return new Upload(AssetServiceGrpc.newBlockingV2Stub(channel).uploadAssetContent()).send(first);
    }

    /** Uploads in messages of this length. */
    UploadAssetContentResponse upload(UploadAssetContentRequest.Builder first, byte[] bytes, int length) {
        var upload = begin(first);
        for (int from = 0; from < bytes.length; from += length) {
            upload.send(bytes, from, Math.min(bytes.length, from + length));
        }
        return upload.finish();
    }

    Asset upload(String assetId, byte[] bytes) {
        return upload(named(assetId, bytes), bytes, 256 * 1024).getAsset();
    }

    Iterator<DownloadAssetContentResponse> open(DownloadAssetContentRequest request) {
        return AssetServiceGrpc.newBlockingStub(channel).downloadAssetContent(request);
    }

    Downloaded download(String assetId) {
        return download(
                DownloadAssetContentRequest.newBuilder().setAssetId(assetId).build());
    }

    Downloaded download(DownloadAssetContentRequest request) {
        var messages = open(request);
        var first = messages.next();
        var bytes = new ByteArrayOutputStream();
        messages.forEachRemaining(message -> {
            if (message.getOffset() != request.getOffset() + bytes.size()) {
                throw new AssertionError("a gap before " + message.getOffset());
            }
            bytes.writeBytes(message.getData().toByteArray());
        });
        return new Downloaded(first, bytes.toByteArray());
    }

    /** The first message of an upload, without bytes. */
    static UploadAssetContentRequest.Builder named(String assetId, byte[] bytes) {
        return UploadAssetContentRequest.newBuilder().setAssetId(assetId).setSha256(sha256(bytes));
    }

    static byte[] random(int length, long seed) {
        var bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
