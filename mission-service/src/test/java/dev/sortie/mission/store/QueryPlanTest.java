package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.MissionServer;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.runtime.testing.plans.ListCall;
import dev.sortie.runtime.testing.plans.ListPlans;
import dev.sortie.runtime.testing.plans.SentStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

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
    /** A table with fewer rows may be read whole. */
    private static final long LARGE = Math.round(15_000 * SHARE);
    /** What one parent has of a kind of children, at most, or little more. */
    private static final int FAMILY = 10_000;

    private static MissionFixture mission;
    private static ListPlans plans;
    private static UUID largeTree;

    /** What the lists of mission-service are called with, and what each may read. */
    private static final class Lists implements ListPlans.Service {
        private final Map<String, List<?>> values = QueryPlanTest.values();

        @Override
        public String name() {
            return MissionServer.IDENTITY.name();
        }

        @Override
        public String protoPackage() {
            return "sortie.mission.";
        }

        @Override
        public Map<String, List<?>> values() {
            return values;
        }

        @Override
        public boolean isList(MethodDescriptor method) {
            return method.getName().startsWith("List") || method.getName().endsWith("Tree");
        }

        @Override
        public Stream<ListCall> variants(MethodDescriptor method) {
            return QueryPlanTest.variants(method);
        }

        /**
         * One filter has an index of its own, which leads straight to the rows. Of two, the second may pick from what
         * the first leaves of one parent. A tree is put together from all of its mission.
         */
        @Override
        public long most(ListCall call) {
            return call.method().getName().endsWith("Tree")
                    ? 3 * FAMILY
                    : call.fields().size() > 1 ? FAMILY : 0;
        }

        /** Filters by what a row contains and by ranges. */
        @Override
        public Set<String> sortedAfterwards() {
            return Set.of("tag", "metadata", "name_prefix", "deadline_before");
        }
    }

    @BeforeAll
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    static void start() throws SQLException {
        var database = MissionFixture.newDatabase();
        largeTree = fill(database);
        mission = MissionFixture.start(database);
        plans = new ListPlans(new Lists(), database, mission.server().runtime().database(), mission.admin(), LARGE);
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
        if (plans != null) {
            plans.close();
        }
        if (mission != null) {
            mission.close();
        }
    }

    @Test
    void findsEveryPageByAnIndexAndReadsLittleMoreThanIsOnIt() throws SQLException {
        var wrong = plans.wrongOfSingleFilters();
        assertThat(plans.methods())
                .hasSizeGreaterThan(10)
                .allMatch(method -> plans.answered().contains(method.getName()));
        assertThat(wrong).isEmpty();
    }

    @Test
    void readsNoLargeTableWholeForAnyTwoFilters() throws SQLException {
        assertThat(plans.wrongOfTwoFilters()).isEmpty();
    }

    @Test
    void readsALargeTreeInFourStatements() throws Exception {
        var method = plans.methods().stream()
                .filter(one -> one.getName().equals("GetMissionTree"))
                .findFirst()
                .orElseThrow();
        var id = method.getInputType().findFieldByName("mission_id");
        plans.forget();
        var response = plans.call(
                method,
                DynamicMessage.newBuilder(method.getInputType())
                        .setField(id, largeTree.toString())
                        .build());
        var tree = MissionTree.parseFrom(
                ((Message) response.getField(response.getDescriptorForType().findFieldByName("tree"))).toByteString());
        assertThat(tree.getHopsList())
                .hasSize(ManyRows.TREE_HOPS)
                .allMatch(hop -> hop.getToolStepsCount() == ManyRows.TREE_STEPS);
        assertThat(plans.sent()).hasSizeBetween(1, 4);
    }

    @Test
    void readsNoLargeTableWholeInTheBackground() throws SQLException {
        // What the server asks by itself while the other tests call it.
        var wrong = plans.wrongInBackground();
        assertThat(plans.sentInBackground()).isNotEmpty();
        assertThat(wrong).isEmpty();
    }

    @Test
    void noticesATableThatIsReadWhole() throws SQLException {
        var found = new ArrayList<String>();
        plans.explainer()
                .explain(
                        new SentStatement(
                                "SELECT task_id FROM tasks WHERE title = $1::text LIMIT $2::int", List.of("none", 10)),
                        true,
                        1,
                        plan -> found.addAll(plan.readWhole(plans.explainer()::isLarge)));
        assertThat(found).isNotEmpty();
    }

    /** Fields that only go together. */
    private static Stream<ListCall> variants(MethodDescriptor method) {
        if (!method.getName().equals("ListAssets")) {
            return Stream.of();
        }
        var type = method.getInputType();
        var scopeType = type.findFieldByName("scope_type");
        var none = new ListCall(method, Map.of(), true);
        var ofMission = none.with(scopeType, scopeType.getEnumType().findValueByName("ASSET_SCOPE_TYPE_MISSION"), true)
                .with(
                        type.findFieldByName("scope_id"),
                        SampleRows.id("missions", 1).toString(),
                        true);
        var ofHop = none.with(scopeType, scopeType.getEnumType().findValueByName("ASSET_SCOPE_TYPE_HOP"), true)
                .with(type.findFieldByName("scope_id"), SampleRows.id("hops", 1).toString(), true);
        return Stream.of(ofMission, ofHop, ofHop.with(type.findFieldByName("include_inherited"), true, true));
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
