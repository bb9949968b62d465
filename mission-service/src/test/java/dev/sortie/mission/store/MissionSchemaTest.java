package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Descriptors.EnumDescriptor;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.domain.AssetRole;
import dev.sortie.mission.domain.AssetScopeType;
import dev.sortie.mission.domain.AssetStatus;
import dev.sortie.mission.domain.DodCategory;
import dev.sortie.mission.domain.HopStatus;
import dev.sortie.mission.domain.MissionStatus;
import dev.sortie.mission.domain.Move;
import dev.sortie.mission.domain.TestResultStatus;
import dev.sortie.mission.domain.TestRunStatus;
import dev.sortie.mission.domain.TokenScope;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.Scope;
import java.sql.SQLException;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What the database itself sees to in missions, hops and assets. */
class MissionSchemaTest {
    @AutoClose
    private static final TestDatabase DATABASE = MissionFixture.newDatabase();

    private static final Pattern QUOTED = Pattern.compile("'([A-Z_]+)'");
    private static final String USER = "01978c2e-0000-7000-8000-000000000001";
    private static final String MISSION = "01978c2e-0000-7000-8000-000000000002";
    private static final String OTHER = "01978c2e-0000-7000-8000-000000000003";

    @Test
    void knowsTheSameStatusesAsTheCodeAndTheContract() throws SQLException {
        agree("missions_status_check", MissionStatus.class, dev.sortie.mission.v1.MissionStatus.getDescriptor());
        agree("hops_status_check", HopStatus.class, dev.sortie.mission.v1.HopStatus.getDescriptor());
        agree("assets_status_check", AssetStatus.class, dev.sortie.mission.v1.AssetStatus.getDescriptor());
        agree("assets_role_check", AssetRole.class, dev.sortie.mission.v1.AssetRole.getDescriptor());
        agree("assets_scope_type_check", AssetScopeType.class, dev.sortie.mission.v1.AssetScopeType.getDescriptor());
        agree("dod_items_category_check", DodCategory.class, dev.sortie.mission.v1.DodCategory.getDescriptor());
        agree("test_runs_status_check", TestRunStatus.class, dev.sortie.mission.v1.TestRunStatus.getDescriptor());
        agree(
                "test_results_status_check",
                TestResultStatus.class,
                dev.sortie.mission.v1.TestResultStatus.getDescriptor());
        agree("moves_resource_check", Move.Resource.class, dev.sortie.mission.v1.MoveResource.getDescriptor());
    }

    @Test
    void knowsTheSameScopesOfTokensAsTheCodeAndTheContract() throws SQLException {
        var inCode = Stream.of(TokenScope.values()).map(Enum::name).collect(Collectors.toSet());
        assertThat(allowed("api_tokens_scopes_check")).isEqualTo(inCode);
        assertThat(Scope.getDescriptor().getValues())
                .filteredOn(value -> value.getNumber() > Scope.SCOPE_ANY_VALUE)
                .extracting(value -> value.getName().substring("SCOPE_".length()))
                .containsExactlyInAnyOrderElementsOf(inCode);
    }

    @Test
    void refusesWhatTheCodeNeverWrites() throws SQLException {
        arrange();
        refuses("missions_current_hop_check", "UPDATE missions SET current_hop_id = '" + OTHER + "'");
        refuses("missions_running_check", "UPDATE missions SET running = true");
        refuses("missions_completed_at_check", "UPDATE missions SET status = 'CANCELLED'");
        refuses("missions_purge_at_check", "UPDATE missions SET deleted_at = now()");
        insertHop("01978c2e-0000-7000-8000-000000000010", MISSION, 0);
        insertHop("01978c2e-0000-7000-8000-000000000011", MISSION, 1);
        insertHop("01978c2e-0000-7000-8000-000000000012", OTHER, 0);
        refuses(
                "hops_mission_order_key",
                "UPDATE hops SET sequence_order = 0 WHERE hop_id = '01978c2e-0000-7000-8000-000000000011'");
        refuses(
                "hops_active_key",
                "UPDATE hops SET status = 'ACTIVE', started_at = now() WHERE mission_id = '" + MISSION + "'");
        refuses("hops_started_at_check", "UPDATE hops SET status = 'ACTIVE' WHERE sequence_order = 1");
        refuses("hops_ended_at_check", "UPDATE hops SET status = 'CANCELLED' WHERE sequence_order = 1");
        refuses("hops_running_check", "UPDATE hops SET running = true WHERE sequence_order = 1");
        refuses(
                "missions_current_hop_fkey",
                "UPDATE missions SET status = 'ACTIVE', current_hop_id = '01978c2e-0000-7000-8000-000000000012'"
                        + " WHERE mission_id = '" + MISSION + "'");
    }

    @Test
    void takesAssetsAwayWithTheirScopeAndHopsWithTheirMission() throws SQLException {
        arrange();
        insertHop("01978c2e-0000-7000-8000-000000000020", MISSION, 10);
        insertAsset("01978c2e-0000-7000-8000-000000000030", "MISSION", MISSION, MISSION);
        insertAsset("01978c2e-0000-7000-8000-000000000031", "HOP", "01978c2e-0000-7000-8000-000000000020", MISSION);
        insertAsset("01978c2e-0000-7000-8000-000000000032", "MISSION", OTHER, OTHER);
        refuses(
                "assets_scope_check",
                "UPDATE assets SET scope_id = '" + OTHER + "' WHERE asset_id = '01978c2e-0000-7000-8000-000000000030'");
        refuses(
                "assets_hop_fkey",
                "UPDATE assets SET mission_id = '" + OTHER
                        + "' WHERE asset_id = '01978c2e-0000-7000-8000-000000000031'");
        refuses("assets_content_check", "UPDATE assets SET status = 'READY'");
        refuses("null value in column \"content_changes\"", "UPDATE assets SET content_changes = NULL");
        DATABASE.execute("DELETE FROM hops WHERE hop_id = '01978c2e-0000-7000-8000-000000000020'");
        assertThat(count("SELECT count(*) FROM assets WHERE mission_id = '" + MISSION + "'"))
                .isOne();
        DATABASE.execute("DELETE FROM missions WHERE mission_id = '" + MISSION + "'");
        assertThat(count("SELECT count(*) FROM assets WHERE mission_id = '" + MISSION + "'"))
                .isZero();
        assertThat(count("SELECT count(*) FROM hops WHERE mission_id = '" + MISSION + "'"))
                .isZero();
        assertThat(count("SELECT count(*) FROM assets WHERE mission_id = '" + OTHER + "'"))
                .isOne();
        DATABASE.execute("DELETE FROM users WHERE user_id = '" + USER + "'");
        assertThat(count("SELECT count(*) FROM missions")).isZero();
        assertThat(count("SELECT count(*) FROM assets")).isZero();
    }

    @Test
    void keepsStreamedContentApartFromInlineContentAndFromWhatIsDeleted() throws SQLException {
        arrange();
        var asset = "01978c2e-0000-7000-8000-000000000060";
        insertAsset(asset, "MISSION", MISSION, MISSION);
        var one = " WHERE asset_id = '" + asset + "'";
        refuses("assets_content_check", "UPDATE assets SET content_info = '{}'" + one);
        refuses("assets_content_check", "UPDATE assets SET status = 'READY', content = '1', content_info = '{}'" + one);
        refuses("assets_content_info_check", "UPDATE assets SET status = 'READY', content_info = '[]'" + one);
        DATABASE.execute("UPDATE assets SET status = 'READY', content_info = '{}'" + one);
        for (int i = 1; i <= 2; i++) {
            DATABASE.execute("""
                    INSERT INTO asset_contents (content_id, asset_id, media_type, created_at, updated_at)
                    VALUES ('01978c2e-0000-7000-8000-00000000007%d', '%s', 'text/plain', now(), now())
                    """.formatted(i, asset), """
                    INSERT INTO asset_chunks (content_id, position, data, created_at, updated_at)
                    VALUES ('01978c2e-0000-7000-8000-00000000007%d', 0, 'x', now(), now())
                    """.formatted(i));
        }
        var complete = "UPDATE asset_contents SET status = 'COMPLETE', size = 1, sha256 = sha256('x')";
        refuses("asset_contents_complete_check", "UPDATE asset_contents SET status = 'COMPLETE', size = 1");
        refuses("asset_contents_sha256_check", complete.replace("sha256('x')", "'x'"));
        refuses("asset_contents_size_check", complete.replace("= 1,", "= 1073741825,"));
        refuses("asset_contents_asset_key", complete);
        refuses("asset_chunks_position_check", "UPDATE asset_chunks SET position = 4096");
        refuses("asset_chunks_data_check", "UPDATE asset_chunks SET data = ''");
        // The pieces are removed by and by.
        DATABASE.execute("DELETE FROM assets" + one);
        assertThat(count("SELECT count(*) FROM asset_contents WHERE asset_id IS NULL"))
                .isEqualTo(2);
        assertThat(count("SELECT count(*) FROM asset_chunks")).isEqualTo(2);
        DATABASE.execute("DELETE FROM asset_contents");
        assertThat(count("SELECT count(*) FROM asset_chunks")).isZero();
    }

    @Test
    void keepsItemsOfDefinitionsOfDoneWhole() throws SQLException {
        arrange();
        var completer = "01978c2e-0000-7000-8000-000000000004";
        DATABASE.execute("""
                INSERT INTO users (user_id, username, email, role, kind, registered_at, created_at, updated_at)
                VALUES ('%s', 'bob', 'bob@example.com', 'DEVELOPER', 'HUMAN', now(), now(), now())
                """.formatted(completer), """
                INSERT INTO dod_items (dod_item_id, mission_id, text, category, created_at, updated_at)
                VALUES ('01978c2e-0000-7000-8000-000000000040', '%s', 'It works', 'TESTS', now(), now())
                """.formatted(MISSION));
        refuses("dod_items_completed_at_check", "UPDATE dod_items SET completed = true");
        refuses("dod_items_completed_by_check", "UPDATE dod_items SET completed_by = '" + completer + "'");
        refuses("dod_items_evidence_check", "UPDATE dod_items SET evidence = '{}'");
        refuses("dod_items_text_check", "UPDATE dod_items SET text = ''");
        DATABASE.execute("UPDATE dod_items SET completed = true, completed_at = now(), completed_by = '" + completer
                + "', evidence = '{}'");
        DATABASE.execute("DELETE FROM users WHERE user_id = '" + completer + "'");
        assertThat(count("SELECT count(*) FROM dod_items WHERE completed AND completed_by IS NULL"))
                .isOne();
        DATABASE.execute("DELETE FROM missions WHERE mission_id = '" + MISSION + "'");
        assertThat(count("SELECT count(*) FROM dod_items")).isZero();
    }

    @Test
    void keepsTestRunsWholeAndTakesWhatTheyHaveAwayWithThem() throws SQLException {
        arrange();
        DATABASE.execute("""
                INSERT INTO test_runs (test_run_id, mission_id, created_at, updated_at)
                VALUES ('01978c2e-0000-7000-8000-000000000050', '%s', now(), now())
                """.formatted(MISSION), """
                INSERT INTO test_results (test_run_id, category, name, status, duration_micros, created_at, updated_at)
                VALUES ('01978c2e-0000-7000-8000-000000000050', 'unit', 'one', 'PASSED', 1, now(), now())
                """, """
                INSERT INTO test_log_chunks (test_run_id, sequence, text, created_at, updated_at)
                VALUES ('01978c2e-0000-7000-8000-000000000050', 1, 'begun', now(), now())
                """);
        refuses("test_runs_finished_check", "UPDATE test_runs SET status = 'PASSED', finished_at = now()");
        refuses("test_runs_finished_check", "UPDATE test_runs SET summary = '[]'");
        refuses("test_runs_result_count_check", "UPDATE test_runs SET result_count = 50001");
        refuses("test_runs_log_chunk_count_check", "UPDATE test_runs SET log_chunk_count = 10001");
        refuses("test_results_duration_check", "UPDATE test_results SET duration_micros = -1");
        refuses("test_log_chunks_sequence_check", "UPDATE test_log_chunks SET sequence = 0");
        DATABASE.execute("DELETE FROM missions WHERE mission_id = '" + MISSION + "'");
        for (var table : new String[] {"test_runs", "test_results", "test_log_chunks"}) {
            assertThat(count("SELECT count(*) FROM " + table)).as(table).isZero();
        }
    }

    private static <E extends Enum<E>> void agree(String check, Class<E> type, EnumDescriptor contract)
            throws SQLException {
        var inCode = Stream.of(type.getEnumConstants()).map(Enum::name).collect(Collectors.toSet());
        assertThat(allowed(check)).as(check).isEqualTo(inCode);
        var unspecified = contract.findValueByNumber(0).getName();
        var prefix = unspecified.substring(0, unspecified.length() - "UNSPECIFIED".length());
        var inContract = contract.getValues().stream()
                .filter(value -> value.getNumber() != 0)
                .map(value -> value.getName().substring(prefix.length()))
                .collect(Collectors.toSet());
        assertThat(inContract).as(contract.getFullName()).isEqualTo(inCode);
    }

    private static Set<String> allowed(String check) throws SQLException {
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.prepareStatement(
                        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ?")) {
            statement.setString(1, check);
            try (var rows = statement.executeQuery()) {
                assertThat(rows.next()).as(check).isTrue();
                var values = new TreeSet<String>();
                var matcher = QUOTED.matcher(rows.getString(1));
                while (matcher.find()) {
                    values.add(matcher.group(1));
                }
                return values;
            }
        }
    }

    private static void arrange() {
        DATABASE.execute("""
                INSERT INTO users (user_id, username, email, role, kind, registered_at, created_at, updated_at)
                VALUES ('%s', 'ada', 'ada@example.com', 'DEVELOPER', 'HUMAN', now(), now(), now())
                ON CONFLICT DO NOTHING
                """.formatted(USER), """
                INSERT INTO missions (mission_id, user_id, name, created_at, updated_at)
                VALUES ('%s', '%s', 'one', now(), now()), ('%s', '%s', 'other', now(), now())
                ON CONFLICT DO NOTHING
                """.formatted(MISSION, USER, OTHER, USER));
    }

    private static void insertHop(String id, String mission, int place) {
        DATABASE.execute("""
                INSERT INTO hops (hop_id, mission_id, name, sequence_order, created_at, updated_at)
                VALUES ('%s', '%s', 'hop', %d, now(), now())
                """.formatted(id, mission, place));
    }

    private static void insertAsset(String id, String scopeType, String scopeId, String mission) {
        DATABASE.execute("""
                INSERT INTO assets (asset_id, user_id, scope_type, scope_id, mission_id, name, type, role,
                                    created_at, updated_at)
                VALUES ('%s', '%s', '%s', '%s', '%s', 'asset', 'text', 'INPUT', now(), now())
                """.formatted(id, USER, scopeType, scopeId, mission));
    }

    private static void refuses(String constraint, String sql) {
        assertThatThrownBy(() -> DATABASE.execute(sql)).as(sql).hasMessageContaining(constraint);
    }

    private static long count(String sql) throws SQLException {
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
