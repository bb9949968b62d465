package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import dev.sortie.mission.domain.ResourceCredential;
import dev.sortie.mission.domain.ResourceCredentials.Deletion;
import dev.sortie.mission.domain.ResourceCredentials.Draft;
import dev.sortie.mission.domain.ResourceCredentials.Revealed;
import dev.sortie.mission.domain.ResourceCredentials.Wanted;
import dev.sortie.mission.v1.DeleteResourceCredentialRequest;
import dev.sortie.mission.v1.DeleteResourceCredentialResponse;
import dev.sortie.mission.v1.GetResourceCredentialResponse;
import dev.sortie.mission.v1.ListResourceCredentialsResponse;
import dev.sortie.mission.v1.PutResourceCredentialRequest;
import dev.sortie.mission.v1.PutResourceCredentialResponse;
import dev.sortie.mission.v1.RevealResourceCredentialRequest;
import dev.sortie.mission.v1.RevealResourceCredentialResponse;
import dev.sortie.runtime.paging.Page;
import java.io.IOException;

/** Between credentials and their messages. A content is kept as the bytes of its message. */
final class ResourceCredentialProtos {
    private ResourceCredentialProtos() {}

    static Draft toDraft(PutResourceCredentialRequest request) {
        var credential = request.getResourceCredential();
        json(request.getCredentials(), "credentials"); // refuses what JSON does not have
        return new Draft(
                nullableUuid(credential.getUserId()),
                credential.getResourceId(),
                bytes(request.getCredentials()),
                credential.getEtag());
    }

    static Deletion toDeletion(DeleteResourceCredentialRequest request) {
        return new Deletion(uuid(request.getResourceCredentialId()), request.getEtag());
    }

    static Wanted toWanted(RevealResourceCredentialRequest request) {
        return switch (request.getByCase()) {
            case RESOURCE_CREDENTIAL_ID -> new Wanted(uuid(request.getResourceCredentialId()), null);
            case HANDLE, BY_NOT_SET -> new Wanted(null, request.getHandle());
        };
    }

    static PutResourceCredentialResponse toPutResponse(ResourceCredential credential) {
        return PutResourceCredentialResponse.newBuilder()
                .setResourceCredential(toMessage(credential))
                .build();
    }

    static GetResourceCredentialResponse toGetResponse(ResourceCredential credential) {
        return GetResourceCredentialResponse.newBuilder()
                .setResourceCredential(toMessage(credential))
                .build();
    }

    static ListResourceCredentialsResponse toListResponse(Page<ResourceCredential> page) {
        var messages = page.messages(credential -> toMessage(credential));
        return ListResourceCredentialsResponse.newBuilder()
                .addAllResourceCredentials(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static DeleteResourceCredentialResponse toDeleteResponse(ResourceCredential credential) {
        return DeleteResourceCredentialResponse.newBuilder()
                .setResourceCredential(toMessage(credential))
                .build();
    }

    static RevealResourceCredentialResponse toRevealResponse(Revealed revealed) {
        return RevealResourceCredentialResponse.newBuilder()
                .setResourceCredential(toMessage(revealed.credential()))
                .setCredentials(struct(revealed.value()))
                .build();
    }

    private static dev.sortie.mission.v1.ResourceCredential toMessage(ResourceCredential credential) {
        return dev.sortie.mission.v1.ResourceCredential.newBuilder()
                .setResourceCredentialId(credential.id().toString())
                .setUserId(credential.userId().toString())
                .setResourceId(credential.resourceId())
                .setCreateTime(timestamp(credential.createTime()))
                .setUpdateTime(timestamp(credential.updateTime()))
                .setEtag(Long.toString(credential.version()))
                .build();
    }

    /** The same for the same content, whatever the order of its fields. */
    private static byte[] bytes(Struct content) {
        try {
            var bytes = new byte[content.getSerializedSize()];
            var output = CodedOutputStream.newInstance(bytes);
            output.useDeterministicSerialization();
            content.writeTo(output);
            return bytes;
        } catch (IOException impossible) {
            throw new IllegalStateException("a message does not fit its own size");
        }
    }

    private static Struct struct(byte[] bytes) {
        try {
            return Struct.parseFrom(bytes);
        } catch (InvalidProtocolBufferException _) {
            throw new IllegalStateException("what was encrypted is no content");
        }
    }
}
