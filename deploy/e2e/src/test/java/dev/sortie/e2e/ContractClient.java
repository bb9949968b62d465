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
import com.google.protobuf.TypeRegistry;
import com.google.protobuf.util.JsonFormat;
import io.grpc.CallOptions;
import io.grpc.Channel;
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
import java.util.Collection;
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
    private final Map<String, MethodDescriptor> methods = new HashMap<>();
    private final TypeRegistry types;

    /**
     * @param channels a channel for each of {@code mission}, {@code agent} and {@code knowledge}
     * @param descriptorSet the contract as the build publishes it
     */
    ContractClient(Map<String, ManagedChannel> channels, Path descriptorSet) {
        this.channels = channels;
        var messages = TypeRegistry.newBuilder();
        for (var file : readFiles(descriptorSet)) {
            messages.add(file.getMessageTypes());
            for (var service : file.getServices()) {
                service.getMethods()
                        .forEach(method -> methods.put(service.getFullName() + "/" + method.getName(), method));
            }
        }
        this.types = messages.build();
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
        var method = method(name);
        var call = channel(name, at, token)
                .newCall(transport(method), CallOptions.DEFAULT.withDeadlineAfter(90, TimeUnit.SECONDS));
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

    /** Opens a bidirectional stream; the parameters are those of {@link #call}. */
    Conversation open(String name, @Nullable String at, @Nullable String token) {
        var method = method(name);
        var call = channel(name, at, token)
                .newCall(transport(method), CallOptions.DEFAULT.withDeadlineAfter(10, TimeUnit.MINUTES));
        var conversation = new Conversation(message -> parse(method.getInputType(), message), this::print);
        conversation.begin(call);
        return conversation;
    }

    private MethodDescriptor method(String name) {
        var method = methods.get(name);
        if (method == null) {
            throw new IllegalArgumentException("the contract has no " + name);
        }
        return method;
    }

    private Channel channel(String name, @Nullable String at, @Nullable String token) {
        var headers = new Metadata();
        if (token != null) {
            headers.put(AUTHORIZATION, "Bearer " + token);
        }
        return ClientInterceptors.intercept(
                channels.get(at != null ? at : name.split("\\.", 3)[1]),
                MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    private static Collection<FileDescriptor> readFiles(Path descriptorSet) {
        try {
            var set = FileDescriptorSet.parseFrom(Files.readAllBytes(descriptorSet));
            var sources = new HashMap<String, FileDescriptorProto>();
            set.getFileList().forEach(file -> sources.put(file.getName(), file));
            var built = new HashMap<String, FileDescriptor>();
            for (var name : sources.keySet()) {
                build(name, sources, built);
            }
            return built.values();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (DescriptorValidationException e) {
            throw new IllegalArgumentException(descriptorSet + " is no complete descriptor set", e);
        }
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
        return io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(type(method))
                .setFullMethodName(method.getService().getFullName() + "/" + method.getName())
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
    }

    private static MethodType type(MethodDescriptor method) {
        if (method.isServerStreaming()) {
            return method.isClientStreaming() ? MethodType.BIDI_STREAMING : MethodType.SERVER_STREAMING;
        }
        return method.isClientStreaming() ? MethodType.CLIENT_STREAMING : MethodType.UNARY;
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

    private JsonElement print(DynamicMessage message) {
        try {
            return JsonParser.parseString(JsonFormat.printer()
                    .usingTypeRegistry(types)
                    .preservingProtoFieldNames()
                    .print(message));
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
