package dev.sortie.runtime.grpc;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.rpc.ErrorDetailsProto;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.reflection.v1.FileDescriptorResponse;
import io.grpc.reflection.v1.ServerReflectionGrpc.ServerReflectionImplBase;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reflection, which also knows what travels in the details of failures: no RPC names these messages, so a generic client
 * could not read them.
 */
final class Reflection extends ServerReflectionImplBase {
    private final ServerReflectionImplBase ofServices =
            (ServerReflectionImplBase) ProtoReflectionServiceV1.newInstance();
    private final Map<String, FileDescriptor> files = new HashMap<>();
    private final Map<String, FileDescriptor> symbols = new HashMap<>();

    Reflection() {
        for (var file : List.of(
                ErrorDetailsProto.getDescriptor(), ErrorReason.getDescriptor().getFile())) {
            files.put(file.getName(), file);
            file.getMessageTypes().forEach(this::index);
            file.getEnumTypes().forEach(this::index);
        }
    }

    @Override
    public StreamObserver<ServerReflectionRequest> serverReflectionInfo(
            StreamObserver<ServerReflectionResponse> observer) {
        var answers = (ServerCallStreamObserver<ServerReflectionResponse>) observer;
        var others = ofServices.serverReflectionInfo(observer);
        return new StreamObserver<>() {
            @Override
            public void onNext(ServerReflectionRequest request) {
                var file = find(request);
                if (file == null) {
                    others.onNext(request);
                } else {
                    answers.onNext(answer(request, file));
                    answers.request(1); // they come one by one
                }
            }

            @Override
            public void onError(Throwable failed) {
                others.onError(failed);
            }

            @Override
            public void onCompleted() {
                others.onCompleted();
            }
        };
    }

    private @Nullable FileDescriptor find(ServerReflectionRequest request) {
        return switch (request.getMessageRequestCase()) {
            case FILE_BY_FILENAME -> files.get(request.getFileByFilename());
            case FILE_CONTAINING_SYMBOL -> symbols.get(request.getFileContainingSymbol());
            default -> null;
        };
    }

    private static ServerReflectionResponse answer(ServerReflectionRequest request, FileDescriptor file) {
        var needed = new LinkedHashSet<FileDescriptor>();
        collect(file, needed);
        var found = FileDescriptorResponse.newBuilder();
        needed.forEach(one -> found.addFileDescriptorProto(one.toProto().toByteString()));
        return ServerReflectionResponse.newBuilder()
                .setValidHost(request.getHost())
                .setOriginalRequest(request)
                .setFileDescriptorResponse(found)
                .build();
    }

    private static void collect(FileDescriptor file, Set<FileDescriptor> needed) {
        if (needed.add(file)) {
            file.getDependencies().forEach(dependency -> collect(dependency, needed));
        }
    }

    private void index(Descriptor message) {
        symbols.put(message.getFullName(), message.getFile());
        message.getNestedTypes().forEach(this::index);
        message.getEnumTypes().forEach(this::index);
    }

    private void index(EnumDescriptor enumeration) {
        symbols.put(enumeration.getFullName(), enumeration.getFile());
    }
}
