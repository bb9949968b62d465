package dev.sortie.runtime.testing.plans;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoServiceDescriptorSupplier;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.protobuf.StatusProto;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * How PostgreSQL finds what the List RPCs of a service ask for. Every one that the server serves is called with each
 * filter and order that its request has; the statements that it sends are explained with their parameters. A new RPC,
 * and a new field of a request, are found by themselves.
 */
public final class ListPlans implements AutoCloseable {
    private static final int PAGE = 50;
    /** How many pages of 500 a deep page is away. */
    private static final int DEEP = 4;

    private final Service service;
    private final Channel channel;
    private final Explainer explainer;
    private final List<SentStatement> sent = new CopyOnWriteArrayList<>();
    private final Map<String, SentStatement> inBackground = new ConcurrentHashMap<>();
    private final Set<String> answered = ConcurrentHashMap.newKeySet();
    private final List<MethodDescriptor> methods;
    private String nextToken = "";

    /** What has to be known of a service. */
    public interface Service {
        /** The service's name, as it is the actor of what it does by itself. */
        String name();

        /** The package of its RPCs, with a dot at its end. */
        String protoPackage();

        /** What a field is set to, by RPC and field or by field alone; enums and flags need no entry. */
        Map<String, List<?>> values();

        /** True for an RPC that is to be looked at. */
        default boolean isList(MethodDescriptor method) {
            return method.getName().startsWith("List");
        }

        /** Calls with fields that only go together. */
        default Stream<ListCall> variants(MethodDescriptor method) {
            return Stream.of();
        }

        /** How many rows a call may read, beside what is fair for those that it returns. */
        long most(ListCall call);

        /** Filters whose index finds all rows, in another order than the list's: these are not counted. */
        default Set<String> sortedAfterwards() {
            return Set.of();
        }
    }

    /**
     * Begins to listen to what a server sends.
     *
     * @param channel of one who may list everything
     * @param large how many rows a table has that must not be read whole
     */
    public ListPlans(Service service, TestDatabase database, Database server, Channel channel, long large)
            throws SQLException {
        this.service = service;
        this.channel = channel;
        this.explainer = new Explainer(database, server, large);
        server.onStatement((principal, sql, parameters) -> {
            var statement = new SentStatement(sql, Arrays.asList(parameters));
            if (principal.actor().equals(service.name())) {
                inBackground.putIfAbsent(sql, statement);
            } else {
                sent.add(statement);
            }
        });
        this.methods = servedMethods().stream()
                .filter(method -> !method.isClientStreaming() && !method.isServerStreaming())
                .filter(service::isList)
                .toList();
    }

    public Explainer explainer() {
        return explainer;
    }

    /** The RPCs that are looked at. */
    public List<MethodDescriptor> methods() {
        return methods;
    }

    /** The names of those that have answered. */
    public Set<String> answered() {
        return Set.copyOf(answered);
    }

    /** What was sent for callers since the last {@link #forget}. */
    public List<SentStatement> sent() {
        return List.copyOf(sent);
    }

    /** Forgets what was sent for callers. */
    public void forget() {
        sent.clear();
    }

    /** What was wrong with calls that filter by one thing: on the first page and on a deep one. */
    public SortedSet<String> wrongOfSingleFilters() throws SQLException {
        var wrong = new TreeSet<String>();
        for (var method : methods) {
            for (var call : calls(method)) {
                if (call.isSingle()) {
                    check(call, wrong);
                }
            }
        }
        return wrong;
    }

    /** What was wrong with calls that filter by two things: whether a large table is read whole. */
    public SortedSet<String> wrongOfTwoFilters() throws SQLException {
        var wrong = new TreeSet<String>();
        for (var method : methods) {
            for (var call : calls(method)) {
                if (!call.isSingle()) {
                    for (var statement : statements(call, PAGE, "")) {
                        explainer.explain(
                                statement,
                                false,
                                1,
                                plan -> plan.readWhole(explainer::isLarge)
                                        .forEach(table -> wrong.add(
                                                "%s: reads all of %s\n%s".formatted(call, table, statement.sql()))));
                    }
                }
            }
        }
        return wrong;
    }

    /** What the server has sent by itself so far. */
    public List<SentStatement> sentInBackground() {
        return List.copyOf(inBackground.values());
    }

    /** The same of what the server sends by itself. */
    public SortedSet<String> wrongInBackground() throws SQLException {
        var wrong = new TreeSet<String>();
        for (var statement : inBackground.values()) {
            explainer.explain(
                    statement,
                    false,
                    1,
                    plan -> plan.readWhole(explainer::isLarge)
                            .forEach(table -> wrong.add("reads all of %s\n%s".formatted(table, statement.sql()))));
        }
        return wrong;
    }

    @Override
    public void close() throws SQLException {
        explainer.close();
    }

    /** The request as it is, and with each value of each filter, alone and with each of another one. */
    private List<ListCall> calls(MethodDescriptor method) {
        var required = requiredFields(method);
        var all = new ArrayList<ListCall>();
        var bases = List.of(new ListCall(method, Map.of(), true));
        for (var field : required) {
            bases = bases.stream()
                    .flatMap(base -> values(method, field).stream().map(value -> base.with(field, value, true)))
                    .toList();
        }
        bases = Stream.concat(bases.stream(), service.variants(method)).toList();
        for (var base : bases) {
            var optional = method.getInputType().getFields().stream()
                    .filter(field -> !base.fields().containsKey(field)
                            && !field.getName().startsWith("page_"))
                    .toList();
            all.add(base);
            for (var field : optional) {
                for (var value : values(method, field)) {
                    all.add(base.with(field, value, true));
                    for (var order : optional.stream()
                            .filter(other -> other.getName().startsWith("order") && other != field)
                            .toList()) {
                        values(method, order)
                                .forEach(by ->
                                        all.add(base.with(field, value, true).with(order, by, true)));
                    }
                }
            }
            for (int i = 0; i < optional.size(); i++) {
                for (int j = i + 1; j < optional.size(); j++) {
                    var second = values(method, optional.get(j)).getFirst();
                    all.add(base.with(
                                    optional.get(i),
                                    values(method, optional.get(i)).getFirst(),
                                    true)
                            .with(optional.get(j), second, false));
                }
            }
        }
        return all;
    }

    private List<?> values(MethodDescriptor method, FieldDescriptor field) {
        var known = service.values()
                .getOrDefault(
                        method.getName() + "." + field.getName(),
                        service.values().get(field.getName()));
        if (known != null) {
            var values = known.stream()
                    .map(value -> value instanceof UUID id ? id.toString() : value)
                    .toList();
            return field.isRepeated()
                    ? values.stream()
                            .map(value -> value instanceof List<?> ? value : List.of(value))
                            .toList()
                    : values;
        }
        return switch (field.getJavaType()) {
            case ENUM -> {
                var named = field.getEnumType().getValues().stream()
                        .filter(value -> value.getNumber() != 0)
                        .toList();
                yield field.isRepeated() ? named.stream().map(List::of).toList() : named;
            }
            case BOOLEAN -> field.hasPresence() ? List.of(true, false) : List.of(true);
            default ->
                throw new AssertionError("the test of query plans has to say what %s.%s may be"
                        .formatted(method.getName(), field.getName()));
        };
    }

    /** Those that a request without any is refused for. */
    private List<FieldDescriptor> requiredFields(MethodDescriptor method) {
        try {
            call(method, DynamicMessage.getDefaultInstance(method.getInputType()));
            return List.of();
        } catch (StatusRuntimeException refused) {
            return StatusProto.fromThrowable(refused).getDetailsList().stream()
                    .filter(detail -> detail.is(BadRequest.class))
                    .flatMap(detail -> unpack(detail).getFieldViolationsList().stream())
                    .map(violation -> method.getInputType().findFieldByName(violation.getField()))
                    .toList();
        }
    }

    private static BadRequest unpack(Any detail) {
        try {
            return detail.unpack(BadRequest.class);
        } catch (InvalidProtocolBufferException broken) {
            throw new IllegalStateException(broken);
        }
    }

    private void check(ListCall call, SortedSet<String> wrong) throws SQLException {
        var token = "";
        for (int page = 0; page <= DEEP; page++) {
            boolean isLooked = page == 0 || page == DEEP;
            var statements = statements(call, isLooked ? PAGE : 500, token);
            if (isLooked) {
                var where = page == 0 ? "" : ", a deep page";
                for (var statement : statements) {
                    explainer.explain(
                            statement,
                            true,
                            Explainer.EXECUTIONS,
                            plan -> wrongOf(call, plan)
                                    .forEach(what -> wrong.add("%s%s: %s\n%s\n%s"
                                            .formatted(
                                                    call,
                                                    where,
                                                    what,
                                                    statement.sql().strip(),
                                                    plan))));
                }
            }
            if (nextToken.isEmpty()) {
                break;
            }
            token = nextToken;
        }
    }

    /** What a call sends. */
    private List<SentStatement> statements(ListCall call, int pageSize, String token) {
        var type = call.method().getInputType();
        var request = DynamicMessage.newBuilder(type);
        call.fields().forEach(request::setField);
        if (type.findFieldByName("page_size") != null) {
            request.setField(type.findFieldByName("page_size"), pageSize);
            request.setField(type.findFieldByName("page_token"), token);
        }
        sent.clear();
        DynamicMessage response;
        try {
            response = call(call.method(), request.build());
        } catch (StatusRuntimeException refused) {
            if (Set.of(Status.Code.NOT_FOUND, Status.Code.INVALID_ARGUMENT)
                    .contains(refused.getStatus().getCode())) {
                nextToken = ""; // a parent of another kind, or fields that do not go together
                return List.copyOf(sent);
            }
            throw new AssertionError(call.toString(), refused);
        }
        answered.add(call.method().getName());
        var next = response.getDescriptorForType().findFieldByName("next_page_token");
        nextToken = next == null ? "" : (String) response.getField(next);
        return List.copyOf(sent);
    }

    private List<String> wrongOf(ListCall call, QueryPlan plan) {
        var wrong = new ArrayList<String>();
        plan.readWhole(explainer::isLarge).forEach(table -> wrong.add("reads all of " + table));
        long returned = Math.round(plan.rows());
        long read = plan.read(explainer::isLarge);
        // A plan for any parameters takes rare values for as frequent as others.
        long fair = 500 + 50 * Math.max(returned, PAGE);
        if (call.fields().keySet().stream()
                        .noneMatch(field -> service.sortedAfterwards().contains(field.getName()))
                && read > fair + service.most(call)) {
            wrong.add("reads %d rows for %d".formatted(read, returned));
        }
        if (plan.buffers() > 10 * Math.max(fair, read)) {
            wrong.add("touches %d buffers for %d rows".formatted(plan.buffers(), returned));
        }
        return wrong;
    }

    /** Makes a call. */
    public DynamicMessage call(MethodDescriptor method, DynamicMessage request) {
        var call = io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
                .setFullMethodName(io.grpc.MethodDescriptor.generateFullMethodName(
                        method.getService().getFullName(), method.getName()))
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
        return ClientCalls.blockingUnaryCall(
                channel, call, CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS), request);
    }

    /** The methods of the service's own package, as reflection tells them. */
    private List<MethodDescriptor> servedMethods() {
        var answers = new CompletableFuture<ServerReflectionResponse>();
        var requests = ServerReflectionGrpc.newStub(channel).serverReflectionInfo(new StreamObserver<>() {
            @Override
            public void onNext(ServerReflectionResponse response) {
                answers.complete(response);
            }

            @Override
            public void onError(Throwable failed) {
                answers.completeExceptionally(failed);
            }

            @Override
            public void onCompleted() {}
        });
        requests.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
        var services = answers.join().getListServicesResponse().getServiceList();
        requests.onCompleted();
        return services.stream()
                .filter(served -> served.getName().startsWith(service.protoPackage()))
                .flatMap(served -> descriptor(served.getName()).getMethods().stream())
                .toList();
    }

    private static ServiceDescriptor descriptor(String name) {
        try {
            var stubs = Class.forName("dev." + name + "Grpc");
            var described = (io.grpc.ServiceDescriptor)
                    stubs.getMethod("getServiceDescriptor").invoke(null);
            return ((ProtoServiceDescriptorSupplier) described.getSchemaDescriptor()).getServiceDescriptor();
        } catch (ReflectiveOperationException absent) {
            throw new IllegalStateException(absent);
        }
    }
}
