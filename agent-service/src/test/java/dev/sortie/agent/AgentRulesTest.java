package dev.sortie.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.EnumDescriptor;
import dev.sortie.agent.v1.AgentStatus;
import dev.sortie.agent.v1.AgentType;
import dev.sortie.agent.v1.CapabilityLevel;
import dev.sortie.agent.v1.ExecutionStatus;
import dev.sortie.agent.v1.LogLevel;
import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.agent.v1.WorkerStatus;
import dev.sortie.runtime.testing.HouseRules;
import dev.sortie.runtime.testing.MigrationRules;
import dev.sortie.runtime.testing.TestDatabase;
import dev.sortie.type.v1.TaskType;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What holds for the code and the schema as a whole. */
class AgentRulesTest {
    @AutoClose
    private static final TestDatabase DATABASE = AgentFixture.newDatabase();

    @Test
    void keepsTheHouseRules() {
        HouseRules.ofService("dev.sortie.agent").check();
    }

    @Test
    void keepsTheRulesForMigrations() {
        MigrationRules.check("db/migration/agent");
        MigrationRules.checkSchema(DATABASE);
    }

    @Test
    void knowsTheSameValuesInTheContractTheDomainAndTheDatabase() throws SQLException {
        assertSame(
                "work_order_states_status_check",
                WorkOrderStatus.getDescriptor(),
                dev.sortie.agent.domain.WorkOrderStatus.values());
        assertSame(
                "executions_status_check",
                ExecutionStatus.getDescriptor(),
                dev.sortie.agent.domain.ExecutionStatus.values());
        assertSame("execution_logs_level_check", LogLevel.getDescriptor(), dev.sortie.agent.domain.LogLevel.values());
        assertSame(
                "execution_log_chunks_levels_check",
                LogLevel.getDescriptor(),
                dev.sortie.agent.domain.LogLevel.values());
        assertSame(
                "worker_capabilities_level_check",
                CapabilityLevel.getDescriptor(),
                dev.sortie.agent.domain.CapabilityLevel.values());
        assertSame("agents_type_check", AgentType.getDescriptor(), dev.sortie.agent.domain.AgentType.values());
        assertSame("agents_status_check", AgentStatus.getDescriptor(), dev.sortie.agent.domain.AgentStatus.values());
        assertSame("workers_status_check", WorkerStatus.getDescriptor(), dev.sortie.agent.domain.WorkerStatus.values());
        assertSame("workers_worker_type_check", TaskType.getDescriptor(), dev.sortie.agent.domain.WorkerType.values());
    }

    private static void assertSame(String constraint, EnumDescriptor contract, Enum<?>[] domain) throws SQLException {
        var prefix = contract.findValueByNumber(0).getName().replace("UNSPECIFIED", "");
        var inContract = contract.getValues().stream()
                .filter(value -> value.getNumber() != 0)
                .map(value -> value.getName().substring(prefix.length()))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(names(domain)).as(contract.getName()).isEqualTo(inContract);
        assertThat(values(constraint)).as(constraint).isEqualTo(inContract);
    }

    private static Set<String> names(Enum<?>[] values) {
        return Arrays.stream(values).map(Enum::name).collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> values(String constraint) throws SQLException {
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.prepareStatement(
                        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ? AND conparentid = 0"
                                + " ORDER BY conislocal DESC LIMIT 1")) {
            statement.setString(1, constraint);
            try (var rows = statement.executeQuery()) {
                assertThat(rows.next()).as("there is %s", constraint).isTrue();
                var values = new TreeSet<String>();
                var quoted = Pattern.compile("'([A-Z_]+)'").matcher(rows.getString(1));
                while (quoted.find()) {
                    values.add(quoted.group(1));
                }
                return values;
            }
        }
    }
}
