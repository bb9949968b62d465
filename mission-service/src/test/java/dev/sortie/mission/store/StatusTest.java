package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.domain.AssetContentStatus;
import dev.sortie.mission.domain.Move;
import dev.sortie.mission.domain.OutboxEntry;
import dev.sortie.mission.domain.StoppedRun;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.testing.TestDatabase;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Every status and every other closed set of values is the same in the contract, in the code and in the CHECK of its
 * column: walks the fields that README.md maps to columns, and the CHECKs of the live schema.
 */
class StatusTest {
    @AutoClose
    private static final TestDatabase DATABASE = MissionFixture.newDatabase();

    private static final Pattern VALUES = Pattern.compile("\\((\\w+) = ANY \\(\\(?ARRAY\\[(.*?)]");
    private static final Pattern QUOTED = Pattern.compile("'([A-Z0-9_]+)'");
    private static final String CHECKS = """
            SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE contype = 'c' AND cardinality(conkey) = 1 AND connamespace = 'public'::regnamespace
            """;

    /** Called otherwise in the code than in the contract, or not part of it. */
    private static final Map<String, Class<? extends Enum<?>>> ENUMS = Map.of(
            "users.role", Role.class,
            "tool_steps.stopped_run", StoppedRun.class,
            "outbox.kind", OutboxEntry.Kind.class,
            "asset_contents.status", AssetContentStatus.class,
            "moves.resource", Move.Resource.class,
            "change_log.kind", Change.Kind.class);

    private static Map<String, Set<String>> checks;
    private static Map<String, EnumDescriptor> contract;

    @BeforeAll
    static void read() throws Exception {
        checks = new TreeMap<>();
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(CHECKS)) {
            while (rows.next()) {
                var matcher = VALUES.matcher(rows.getString(2));
                if (matcher.find()) {
                    checks.put(
                            rows.getString(1) + "." + matcher.group(1),
                            QUOTED.matcher(matcher.group(2))
                                    .results()
                                    .map(match -> match.group(1))
                                    .collect(Collectors.toCollection(TreeSet::new)));
                }
            }
        }
        contract = new HashMap<>();
        for (var column : SchemaTable.read().columns()) {
            for (var path : column.fields()) {
                var field = field(path);
                if (field.getType() == FieldDescriptor.Type.ENUM) {
                    contract.put(column.path(), field.getEnumType());
                }
            }
        }
    }

    @Test
    void knowsTheSameValuesInTheContractTheCodeAndTheSchema() {
        var wrong = new TreeSet<String>();
        contract.forEach((column, type) -> {
            var values = values(type);
            if (!values.equals(checks.get(column))) {
                wrong.add("%s: %s, and its CHECK %s".formatted(column, values, checks.get(column)));
            }
            if (!values.equals(inCode(column))) {
                wrong.add("%s: %s, and in the code %s".formatted(column, values, inCode(column)));
            }
        });
        assertThat(contract).hasSizeGreaterThan(8);
        assertThat(wrong).isEmpty();
    }

    @Test
    void tiesEveryCheckOfValuesToTheCode() {
        var wrong = new TreeSet<String>();
        checks.forEach((column, values) -> {
            if (!values.equals(inCode(column))) {
                wrong.add("%s: %s, and in the code %s".formatted(column, values, inCode(column)));
            }
        });
        assertThat(wrong).isEmpty();
    }

    @Test
    void noticesAValueThatOneOfThemLacks() throws SQLException {
        assertThat(checks.get("missions.status"))
                .contains("QA")
                .isNotEqualTo(values(dev.sortie.mission.v1.HopStatus.getDescriptor()));
        assertThat(inCode("missions.name")).isEmpty();
    }

    private static Set<String> values(EnumDescriptor type) {
        var unspecified = type.findValueByNumber(0).getName();
        var prefix = unspecified.substring(0, unspecified.length() - "UNSPECIFIED".length());
        return type.getValues().stream()
                .filter(value -> value.getNumber() != 0)
                .map(value -> value.getName().substring(prefix.length()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Empty where there is no enum for it. */
    private static Set<String> inCode(String column) {
        Class<?> type = ENUMS.get(column);
        if (type == null && contract.containsKey(column)) {
            try {
                type = Class.forName(
                        "dev.sortie.mission.domain." + contract.get(column).getName());
            } catch (ClassNotFoundException absent) {
                return Set.of();
            }
        }
        return type == null
                ? Set.of()
                : Arrays.stream(type.getEnumConstants())
                        .map(value -> ((Enum<?>) value).name())
                        .collect(Collectors.toCollection(TreeSet::new));
    }

    private static FieldDescriptor field(String path) throws ReflectiveOperationException {
        var parts = path.split("\\.");
        var type = Class.forName("dev.sortie.mission.v1." + parts[0]);
        return ((Descriptor) type.getMethod("getDescriptor").invoke(null)).findFieldByName(parts[1]);
    }
}
