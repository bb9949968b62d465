package dev.sortie.e2e;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Calls any RPC of the contract by its name, with requests and responses in protobuf's JSON. */
final class ContractClient {

    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final Map<String, ManagedChannel> channels;
    private final Map<String, MethodDescriptor> methods;

    /**
     * @param channels a channel for each of {@code mission}, {@code agent} and {@code knowledge}
     * @param descriptorSet the contract as the build publishes it
     */
    ContractClient(Map<String, ManagedChannel> channels, Path descriptorSet) {
        this.channels = channels;
        this.methods = readMethods(descriptorSet);
    }

    /**
     * Makes one call, whatever comes of it.
     *
     * @param at the service to call, or null for the one that the name tells
     * @param token the token to send, or null for none
     * @param request an object; an array of them for a client stream
     * @param take how many messages of a server stream to read at most
     */
    Outcome call(String name, @Nullable String at, @Nullable String token, JsonElement request, int take) {
        var method = methods.get(name);
        if (method == null) {
            throw new IllegalArgumentException("the contract has no " + name);
        }
        var headers = new Metadata();
        if (token != null) {
            headers.put(AUTHORIZATION, "Bearer " + token);
        }
        var channel = ClientInterceptors.intercept(
                channels.get(at != null ? at : name.split("\\.", 3)[1]),
                MetadataUtils.newAttachHeadersInterceptor(headers));
        var call = channel.newCall(transport(method), CallOptions.DEFAULT.withDeadlineAfter(90, TimeUnit.SECONDS));
        var input = method.getInputType();
        try {
            if (method.isServerStreaming()) {
                var messages = new JsonArray();
                var responses = ClientCalls.blockingServerStreamingCall(call, parse(input, request));
                while (messages.size() < take && responses.hasNext()) {
                    messages.add(print(responses.next()));
                }
                call.cancel("that was enough", null);
                var response = new JsonObject();
                response.add("messages", messages);
                return Outcome.of(response);
            }
            if (method.isClientStreaming()) {
                var answer = new Answer();
                var requests = ClientCalls.asyncClientStreamingCall(call, answer);
                request.getAsJsonArray().forEach(message -> requests.onNext(parse(input, message)));
                requests.onCompleted();
                return Outcome.of(print(answer.join()));
            }
            return Outcome.of(print(ClientCalls.blockingUnaryCall(call, parse(input, request))));
        } catch (StatusRuntimeException failure) {
            return Outcome.of(failure);
        } catch (CompletionException e) {
            if (e.getCause() instanceof StatusRuntimeException failure) {
                return Outcome.of(failure);
            }
            throw e;
        }
    }

    private static Map<String, MethodDescriptor> readMethods(Path descriptorSet) {
        var methods = new HashMap<String, MethodDescriptor>();
        try {
            var set = FileDescriptorSet.parseFrom(Files.readAllBytes(descriptorSet));
            var sources = new HashMap<String, FileDescriptorProto>();
            set.getFileList().forEach(file -> sources.put(file.getName(), file));
            var built = new HashMap<String, FileDescriptor>();
            for (var name : sources.keySet()) {
                for (var service : build(name, sources, built).getServices()) {
                    for (var method : service.getMethods()) {
                        methods.put(service.getFullName() + "/" + method.getName(), method);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (DescriptorValidationException e) {
            throw new IllegalArgumentException(descriptorSet + " is no complete descriptor set", e);
        }
        return Map.copyOf(methods);
    }

    private static FileDescriptor build(
            String name, Map<String, FileDescriptorProto> sources, Map<String, FileDescriptor> built)
            throws DescriptorValidationException {
        var done = built.get(name);
        if (done != null) {
            return done;
        }
        var source = sources.get(name);
        var imports = new FileDescriptor[source.getDependencyCount()];
        for (int i = 0; i < imports.length; i++) {
            imports[i] = build(source.getDependency(i), sources, built);
        }
        var file = FileDescriptor.buildFrom(source, imports);
        built.put(name, file);
        return file;
    }

    private static io.grpc.MethodDescriptor<DynamicMessage, DynamicMessage> transport(MethodDescriptor method) {
        var type = method.isServerStreaming()
                ? MethodType.SERVER_STREAMING
                : method.isClientStreaming() ? MethodType.CLIENT_STREAMING : MethodType.UNARY;
        return io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(type)
                .setFullMethodName(method.getService().getFullName() + "/" + method.getName())
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
    }

    private static DynamicMessage parse(Descriptor type, JsonElement json) {
        try {
            var message = DynamicMessage.newBuilder(type);
            JsonFormat.parser().merge(json.toString(), message);
            return message.build();
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalArgumentException("not a " + type.getFullName() + ": " + json, e);
        }
    }

    private static JsonElement print(DynamicMessage message) {
        try {
            return JsonParser.parseString(
                    JsonFormat.printer().preservingProtoFieldNames().print(message));
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalArgumentException("not to be printed as JSON", e);
        }
    }

    /** The one answer to a client stream. */
    private static final class Answer extends CompletableFuture<DynamicMessage>
            implements StreamObserver<DynamicMessage> {

        @Override
        public void onNext(DynamicMessage message) {
            complete(message);
        }

        @Override
        public void onError(Throwable failure) {
            completeExceptionally(failure);
        }

        @Override
        public void onCompleted() {
            completeExceptionally(new IllegalStateException("the stream ended without an answer"));
        }
    }
}
