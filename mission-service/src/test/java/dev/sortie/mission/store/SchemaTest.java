package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.domain.AssetContentStatus;
import dev.sortie.mission.domain.UserKind;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.testing.MigrationRules;
import dev.sortie.runtime.testing.TestDatabase;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What the migrations make. */
class SchemaTest {
    @AutoClose
    private static final TestDatabase DATABASE = MissionFixture.newDatabase();

    @Test
    void keepsTheRulesForMigrations() {
        MigrationRules.check("db/migration/mission");
        MigrationRules.checkSchema(DATABASE);
    }

    @Test
    void knowsTheValuesOfEveryEnum() throws SQLException {
        assertSameValues("users_role_check", Role.class);
        assertSameValues("users_kind_check", UserKind.class);
        assertSameValues("asset_contents_status_check", AssetContentStatus.class);
    }

    private static <E extends Enum<E>> void assertSameValues(String constraint, Class<E> type) throws SQLException {
        var names = new TreeSet<String>();
        Arrays.stream(type.getEnumConstants()).forEach(value -> names.add(value.name()));
        try (var connection = DATABASE.connectAsOwner();
                var query = connection.prepareStatement(
                        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ?")) {
            query.setString(1, constraint);
            try (var rows = query.executeQuery()) {
                assertThat(rows.next()).as(constraint).isTrue();
                var values = new TreeSet<String>();
                Pattern.compile("'([A-Z_]+)'")
                        .matcher(rows.getString(1))
                        .results()
                        .forEach(match -> values.add(match.group(1)));
                assertThat(values).as(constraint).isEqualTo(names);
            }
        }
    }
}
