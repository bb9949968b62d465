package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import com.google.rpc.BadRequest;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MissionServer;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.CallOptions;
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
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * How PostgreSQL finds what the lists and trees of the contract ask for among a million steps and a million tasks. Every
 * List and Tree RPC that the server serves is called with each filter and order that its request has; the statements
 * that it sends are explained with their parameters. A new RPC, and a new field of a request, are found by themselves.
 *
 * <p>The full size is a hundred thousand missions, a million steps, a million tasks. {@code -Dsortie.many-rows=0.1}
 * makes a tenth of it.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class QueryPlanTest {
    private static final double SHARE = Double.parseDouble(System.getProperty("sortie.many-rows", "1"));
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int PAGE = 50;
    /** How many pages of 500 a deep page is away. */
    private static final int DEEP = 4;
    /** A table with fewer rows may be read whole. */
    private static final long LARGE = Math.round(15_000 * SHARE);
    /** A prepared statement gets a plan for any parameters after five executions, if that looks as good. */
    private static final int EXECUTIONS = 6;
    /** What one parent has of a kind of children, at most, or little more. */
    private static final int FAMILY = 10_000;
    /** Filters by what a row contains and by ranges. Their index finds all rows, in another order than the list's. */
    private static final Set<String> SORTED_AFTERWARDS = Set.of("tag", "metadata", "name_prefix", "deadline_before");

    /** What filters of a type that has no list of values are set to, by RPC and field or by field alone. */
    private static final Map<String, List<?>> VALUES = values();

    private static final Map<String, Long> ROWS = new HashMap<>();
    private static final List<Sent> SENT = new CopyOnWriteArrayList<>();
    private static final Map<String, Sent> IN_BACKGROUND = new ConcurrentHashMap<>();

    private static final Set<String> ANSWERED = ConcurrentHashMap.newKeySet();

    private static MissionFixture mission;
    private static Connection connection;
    private static UUID largeTree;
    private static List<MethodDescriptor> methods;

    /** A statement of a call. */
    private record Sent(String sql, List<Object> parameters) {}

    /** A call to make. */
    private record Case(MethodDescriptor method, Map<FieldDescriptor, Object> fields, boolean isSingle) {
        Case with(FieldDescriptor field, Object value, boolean isSingle) {
            var all = new LinkedHashMap<>(fields);
            all.put(field, value);
            return new Case(method, all, isSingle);
        }

        /**
         * How many rows it may read, beside what is fair for those that it returns. One filter has an index of its own,
         * which leads straight to them. Of two, the second may pick from what the first leaves of one parent. A tree is
         * put together from all of its mission.
         */
        long most() {
            return method.getName().endsWith("Tree") ? 3 * FAMILY : fields.size() > 1 ? FAMILY : 0;
        }

        @Override
        public String toString() {
            return method.getName()
                    + fields.entrySet().stream()
                            .map(field -> field.getKey().getName() + " = "
                                    + field.getValue().toString().strip().replace('\n', ' '))
                            .collect(Collectors.joining(", ", "(", ")"));
        }
    }

    @BeforeAll
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    static void start() throws SQLException {
        var database = MissionFixture.newDatabase();
        largeTree = fill(database);
        mission = MissionFixture.start(database);
        connection = connect(database);
        mission.server().runtime().database().onStatement((principal, sql, parameters) -> {
            var sent = new Sent(sql, java.util.Arrays.asList(parameters));
            if (principal.actor().equals(MissionServer.IDENTITY.name())) {
                IN_BACKGROUND.putIfAbsent(sql, sent);
            } else {
                SENT.add(sent);
            }
        });
        methods = servedMethods().stream()
                .filter(method -> !method.isClientStreaming() && !method.isServerStreaming())
                .filter(method ->
                        method.getName().startsWith("List") || method.getName().endsWith("Tree"))
                .toList();
        try (var statement = connection.createStatement();
                var rows =
                        statement.executeQuery("SELECT relname, reltuples::bigint FROM pg_class WHERE relkind = 'r'")) {
            while (rows.next()) {
                ROWS.put(rows.getString(1), rows.getLong(2));
            }
        }
    }

    /** With the settings of the server's own connections. */
    private static Connection connect(TestDatabase database) throws SQLException {
        var connected = database.connectAsRuntime();
        try (var statement = connected.createStatement()) {
            for (var setting :
                    mission.server().runtime().database().sessionSettings().entrySet()) {
                statement.execute("SET %s = '%s'".formatted(setting.getKey(), setting.getValue()));
            }
        }
        return connected;
    }

    private static UUID fill(TestDatabase database) throws SQLException {
        try {
            return ManyRows.fill(database, SHARE);
        } catch (SQLException | RuntimeException failed) {
            database.close();
            throw failed;
        }
    }

    @AfterAll
    static void stop() throws SQLException {
        if (connection != null) {
            connection.close();
        }
        if (mission != null) {
            mission.close();
        }
    }

    @Test
    void findsEveryPageByAnIndexAndReadsLittleMoreThanIsOnIt() throws SQLException {
        var wrong = new TreeSet<String>();
        for (var method : methods) {
            for (var one : cases(method)) {
                if (one.isSingle()) {
                    check(one, wrong);
                }
            }
        }
        assertThat(methods).hasSizeGreaterThan(10).allMatch(method -> ANSWERED.contains(method.getName()));
        assertThat(wrong).isEmpty();
    }

    @Test
    void readsNoLargeTableWholeForAnyTwoFilters() throws SQLException {
        var wrong = new TreeSet<String>();
        for (var method : methods) {
            for (var one : cases(method)) {
                if (!one.isSingle()) {
                    for (var statement : statements(one, PAGE, "")) {
                        explain(
                                statement,
                                false,
                                1,
                                plan -> wrongScans(plan)
                                        .forEach(
                                                scan -> wrong.add("%s: %s\n%s".formatted(one, scan, statement.sql()))));
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void readsALargeTreeInFourStatements() throws Exception {
        var method = methods.stream()
                .filter(one -> one.getName().equals("GetMissionTree"))
                .findFirst()
                .orElseThrow();
        var id = method.getInputType().findFieldByName("mission_id");
        SENT.clear();
        var response = call(
                method,
                DynamicMessage.newBuilder(method.getInputType())
                        .setField(id, largeTree.toString())
                        .build());
        var tree = MissionTree.parseFrom(
                ((Message) response.getField(response.getDescriptorForType().findFieldByName("tree"))).toByteString());
        assertThat(tree.getHopsList())
                .hasSize(ManyRows.TREE_HOPS)
                .allMatch(hop -> hop.getToolStepsCount() == ManyRows.TREE_STEPS);
        assertThat(SENT).hasSizeBetween(1, 4);
    }

    @Test
    void readsNoLargeTableWholeInTheBackground() throws SQLException {
        // What the server asks by itself while the other tests call it.
        var wrong = new TreeSet<String>();
        for (var sent : IN_BACKGROUND.values()) {
            explain(sent, false, 1, plan -> wrongScans(plan).forEach(scan -> wrong.add(scan + "\n" + sent.sql())));
        }
        assertThat(IN_BACKGROUND).isNotEmpty();
        assertThat(wrong).isEmpty();
    }

    @Test
    void noticesATableThatIsReadWhole() throws SQLException {
        var found = new ArrayList<String>();
        explain(
                new Sent("SELECT task_id FROM tasks WHERE title = $1::text LIMIT $2::int", List.of("none", 10)),
                true,
                1,
                plan -> found.addAll(wrongScans(plan)));
        assertThat(found).isNotEmpty();
    }

    /** The request as it is, and with each value of each filter, alone and with each of another one. */
    private static List<Case> cases(MethodDescriptor method) {
        var required = requiredFields(method);
        var all = new ArrayList<Case>();
        var bases = List.of(new Case(method, Map.of(), true));
        for (var field : required) {
            bases = bases.stream()
                    .flatMap(base -> values(method, field).stream().map(value -> base.with(field, value, true)))
                    .toList();
        }
        bases = Stream.concat(bases.stream(), variants(method)).toList();
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

    /** Fields that only go together. */
    private static Stream<Case> variants(MethodDescriptor method) {
        var type = method.getInputType();
        if (!method.getName().equals("ListAssets")) {
            return Stream.of();
        }
        var scopeType = type.findFieldByName("scope_type");
        var none = new Case(method, Map.of(), true);
        var ofMission = none.with(scopeType, scopeType.getEnumType().findValueByName("ASSET_SCOPE_TYPE_MISSION"), true)
                .with(
                        type.findFieldByName("scope_id"),
                        SampleRows.id("missions", 1).toString(),
                        true);
        var ofHop = none.with(scopeType, scopeType.getEnumType().findValueByName("ASSET_SCOPE_TYPE_HOP"), true)
                .with(type.findFieldByName("scope_id"), SampleRows.id("hops", 1).toString(), true);
        return Stream.of(ofMission, ofHop, ofHop.with(type.findFieldByName("include_inherited"), true, true));
    }

    private static List<?> values(MethodDescriptor method, FieldDescriptor field) {
        var known = VALUES.getOrDefault(method.getName() + "." + field.getName(), VALUES.get(field.getName()));
        if (known != null) {
            return known.stream()
                    .map(value -> value instanceof UUID id ? id.toString() : value)
                    .toList();
        }
        return switch (field.getJavaType()) {
            case ENUM ->
                field.getEnumType().getValues().stream()
                        .filter(value -> value.getNumber() != 0)
                        .toList();
            case BOOLEAN -> field.hasPresence() ? List.of(true, false) : List.of(true);
            default ->
                throw new AssertionError("QueryPlanTest.VALUES has to say what %s.%s may be"
                        .formatted(method.getName(), field.getName()));
        };
    }

    /** Those that a request without any is refused for. */
    private static List<FieldDescriptor> requiredFields(MethodDescriptor method) {
        try {
            call(method, DynamicMessage.getDefaultInstance(method.getInputType()));
            return List.of();
        } catch (StatusRuntimeException refused) {
            var status = StatusProto.fromThrowable(refused);
            return status.getDetailsList().stream()
                    .filter(detail -> detail.is(BadRequest.class))
                    .flatMap(detail -> unpack(detail).getFieldViolationsList().stream())
                    .map(violation -> method.getInputType().findFieldByName(violation.getField()))
                    .toList();
        }
    }

    private static BadRequest unpack(com.google.protobuf.Any detail) {
        try {
            return detail.unpack(BadRequest.class);
        } catch (InvalidProtocolBufferException broken) {
            throw new IllegalStateException(broken);
        }
    }

    private static void check(Case one, TreeSet<String> wrong) throws SQLException {
        var token = "";
        for (int page = 0; page <= DEEP; page++) {
            boolean isLooked = page == 0 || page == DEEP;
            var statements = statements(one, isLooked ? PAGE : 500, token);
            if (isLooked) {
                int depth = page;
                for (var statement : statements) {
                    explain(
                            statement,
                            true,
                            EXECUTIONS,
                            plan -> wrongOf(one, plan)
                                    .forEach(what -> wrong.add("%s%s: %s\n%s\n%s"
                                            .formatted(
                                                    one,
                                                    depth == 0 ? "" : ", a deep page",
                                                    what,
                                                    statement.sql().strip(),
                                                    describe(plan, "  ")))));
                }
            }
            if (lastToken.isEmpty()) {
                break;
            }
            token = lastToken;
        }
    }

    private static String lastToken = "";

    /** What a call sends. */
    private static List<Sent> statements(Case one, int pageSize, String token) {
        var request = DynamicMessage.newBuilder(one.method().getInputType());
        one.fields().forEach(request::setField);
        var type = one.method().getInputType();
        if (type.findFieldByName("page_size") != null) {
            request.setField(type.findFieldByName("page_size"), pageSize);
            request.setField(type.findFieldByName("page_token"), token);
        }
        SENT.clear();
        DynamicMessage response;
        try {
            response = call(one.method(), request.build());
        } catch (StatusRuntimeException refused) {
            if (Set.of(Status.Code.NOT_FOUND, Status.Code.INVALID_ARGUMENT)
                    .contains(refused.getStatus().getCode())) {
                lastToken = ""; // a parent of another kind, or fields that do not go together
                return List.copyOf(SENT);
            }
            throw new AssertionError(one.toString(), refused);
        }
        ANSWERED.add(one.method().getName());
        var next = response.getDescriptorForType().findFieldByName("next_page_token");
        lastToken = next == null ? "" : (String) response.getField(next);
        return List.copyOf(SENT);
    }

    private static List<String> wrongScans(JsonNode plan) {
        return nodes(plan)
                .filter(node -> node.path("Node Type").asString().equals("Seq Scan"))
                .map(node -> node.path("Relation Name").asString())
                .filter(table -> ROWS.getOrDefault(table, 0L) >= LARGE)
                .map(table -> "reads all of " + table)
                .toList();
    }

    private static List<String> wrongOf(Case one, JsonNode plan) {
        var wrong = new ArrayList<>(wrongScans(plan));
        long returned = plan.path("Actual Rows").asLong();
        long read = Math.round(nodes(plan)
                .filter(node -> node.has("Relation Name") || node.has("Index Name"))
                .filter(node -> !node.path("Node Type").asString().equals("Bitmap Heap Scan"))
                .filter(node -> !node.has("Relation Name")
                        || ROWS.getOrDefault(node.path("Relation Name").asString(), 0L) >= LARGE)
                .mapToDouble(node -> (node.path("Actual Rows").asDouble()
                                + node.path("Rows Removed by Filter").asDouble()
                                + node.path("Rows Removed by Index Recheck").asDouble())
                        * node.path("Actual Loops").asDouble())
                .sum());
        // A plan for any parameters takes rare values for as frequent as others.
        long fair = 500 + 50 * Math.max(returned, PAGE);
        if (one.fields().keySet().stream().noneMatch(field -> SORTED_AFTERWARDS.contains(field.getName()))
                && read > fair + one.most()) {
            wrong.add("reads %d rows for %d".formatted(read, returned));
        }
        long buffers = plan.path("Shared Hit Blocks").asLong()
                + plan.path("Shared Read Blocks").asLong();
        if (buffers > 10 * Math.max(fair, read)) {
            wrong.add("touches %d buffers for %d rows".formatted(buffers, returned));
        }
        return wrong;
    }

    private static String describe(JsonNode node, String indent) {
        var line = new StringBuilder(indent).append(node.path("Node Type").asString());
        for (var part : List.of("Relation Name", "Index Name", "Index Cond", "Filter", "Actual Rows", "Actual Loops")) {
            if (node.has(part)) {
                line.append(", ")
                        .append(part)
                        .append(' ')
                        .append(node.path(part).asString());
            }
        }
        node.path("Plans").forEach(child -> line.append('\n').append(describe(child, indent + "  ")));
        return line.toString();
    }

    private static Stream<JsonNode> nodes(JsonNode plan) {
        return Stream.concat(Stream.of(plan), plan.path("Plans").valueStream().flatMap(QueryPlanTest::nodes));
    }

    private interface PlanReader {
        void read(JsonNode plan);
    }

    /** Explains a statement as its nth execution, the first and the last. */
    private static void explain(Sent sent, boolean analyze, int executions, PlanReader reader) throws SQLException {
        connection.setAutoCommit(false);
        try (var statement = connection.createStatement()) {
            statement.execute("PREPARE explained AS " + sent.sql());
            for (int i = 1; i <= executions; i++) {
                try (var rows = statement.executeQuery("EXPLAIN (%sFORMAT JSON) EXECUTE explained%s"
                        .formatted(analyze ? "ANALYZE, BUFFERS, TIMING off, " : "", literals(sent.parameters())))) {
                    rows.next();
                    if (i == 1 || i == executions) {
                        reader.read(JSON.readTree(rows.getString(1)).path(0).path("Plan"));
                    }
                }
            }
            statement.execute("DEALLOCATE explained");
        } catch (SQLException failed) {
            throw new SQLException(failed.getMessage() + "\n" + sent, failed);
        } finally {
            connection.rollback();
        }
    }

    private static String literals(List<Object> parameters) {
        return parameters.isEmpty()
                ? ""
                : parameters.stream().map(QueryPlanTest::literal).collect(Collectors.joining(", ", "(", ")"));
    }

    private static String literal(Object parameter) {
        return parameter == null ? "NULL" : "'" + text(parameter).replace("'", "''") + "'";
    }

    private static String text(Object parameter) {
        return switch (parameter) {
            case byte[] bytes -> "\\x" + java.util.HexFormat.of().formatHex(bytes);
            case Enum<?> constant -> constant.name();
            case Collection<?> many -> array(many);
            case Object[] many -> array(List.of(many));
            default -> parameter.toString();
        };
    }

    private static String array(Collection<?> many) {
        return many.stream()
                .map(one -> one == null
                        ? "NULL"
                        : "\"" + text(one).replace("\\", "\\\\").replace("\"", "\\\"") + "\"")
                .collect(Collectors.joining(",", "{", "}"));
    }

    private static DynamicMessage call(MethodDescriptor method, DynamicMessage request) {
        var call = io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
                .setFullMethodName(io.grpc.MethodDescriptor.generateFullMethodName(
                        method.getService().getFullName(), method.getName()))
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
        return ClientCalls.blockingUnaryCall(
                mission.admin(), call, CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS), request);
    }

    /** The methods of our own services, as reflection tells them. */
    private static List<MethodDescriptor> servedMethods() {
        var answers = new CompletableFuture<ServerReflectionResponse>();
        var requests = ServerReflectionGrpc.newStub(mission.anonymous()).serverReflectionInfo(new StreamObserver<>() {
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
                .filter(service -> service.getName().startsWith("sortie.mission."))
                .flatMap(service -> descriptor(service.getName()).getMethods().stream())
                .toList();
    }

    private static com.google.protobuf.Descriptors.ServiceDescriptor descriptor(String service) {
        try {
            var stubs = Class.forName("dev." + service + "Grpc");
            var described = (io.grpc.ServiceDescriptor)
                    stubs.getMethod("getServiceDescriptor").invoke(null);
            return ((ProtoServiceDescriptorSupplier) described.getSchemaDescriptor()).getServiceDescriptor();
        } catch (ReflectiveOperationException absent) {
            throw new IllegalStateException(absent);
        }
    }

    private static Map<String, List<?>> values() {
        var all = new HashMap<String, List<?>>();
        // The first of each has many children; users have the fewer missions and tasks the later they come.
        for (var table : List.of("missions", "hops", "projects", "plans", "tasks", "test_runs", "tool_steps")) {
            var one = table.substring(0, table.length() - 1);
            all.put(one + "_id", List.of(SampleRows.id(table, 1), SampleRows.id(table, 90)));
        }
        var users = List.of(SampleRows.id("users", 1), SampleRows.id("users", 90));
        for (var field : List.of("user_id", "created_by", "assigned_to", "assigned_user_id")) {
            all.put(field, users);
        }
        all.put("parent_task_id", List.of(SampleRows.id("tasks", 1), SampleRows.id("tasks", 20)));
        all.put("assigned_agent_id", List.of(SampleRows.id("agents", 7)));
        all.put("assigned_worker_id", List.of(SampleRows.id("workers", 7)));
        all.put("scope_id", List.of(SampleRows.id("missions", 1), SampleRows.id("hops", 1)));
        all.put("resource_id", List.of(SampleRows.id("missions", 1), SampleRows.id("hops", 1)));
        all.put("repository_url", List.of("https://example.com/repository-8"));
        all.put("tag", List.of("tag-7"));
        all.put("type", List.of("type-7"));
        all.put("client", List.of("client-7"));
        all.put("github_url", List.of("https://example.com/repository-7"));
        all.put("ListMissions.assigned_to", List.of("person-7"));
        all.put("ListMissions.deadline_before", List.of(time("2029-02-01T00:00:00Z"), time("2040-01-01T00:00:00Z")));
        all.put("queue_name", List.of("queue-7"));
        all.put("tool_id", List.of("tool-id-7"));
        all.put("subtype", List.of("subtype-7"));
        all.put("name_prefix", List.of("name-77", "none"));
        all.put("deadline_before", List.of(time("2030-12-03T00:00:00Z"), time("2040-01-01T00:00:00Z")));
        all.put(
                "metadata",
                List.of(Struct.newBuilder()
                        .putFields(
                                "team",
                                Value.newBuilder().setStringValue("team-7").build())
                        .build()));
        return all;
    }

    private static Timestamp time(String text) {
        return Timestamp.newBuilder()
                .setSeconds(Instant.parse(text).getEpochSecond())
                .build();
    }
}
