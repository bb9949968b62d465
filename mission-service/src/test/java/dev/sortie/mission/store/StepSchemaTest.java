package dev.sortie.mission.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ProtocolMessageEnum;
import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.domain.OutboxEntry;
import dev.sortie.mission.domain.StoppedRun;
import dev.sortie.mission.domain.ToolStepStatus;
import dev.sortie.mission.domain.WorkOrder;
import dev.sortie.runtime.testing.TestDatabase;
import java.sql.SQLException;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What the database, the code and the contracts agree on about steps and their orders. */
class StepSchemaTest {
    @AutoClose
    private static final TestDatabase DATABASE = MissionFixture.newDatabase();

    private static final Pattern QUOTED = Pattern.compile("'([A-Z_]+)'");

    @Test
    void knowsTheSameStatusesAsTheCodeAndTheContract() throws SQLException {
        assertThat(allowed("tool_steps_status_check"))
                .isEqualTo(names(ToolStepStatus.values()))
                .isEqualTo(names(dev.sortie.mission.v1.ToolStepStatus.values(), "TOOL_STEP_STATUS_"));
        assertThat(allowed("tool_steps_stopped_run_check")).isEqualTo(names(StoppedRun.values()));
        assertThat(allowed("outbox_kind_check")).isEqualTo(names(OutboxEntry.Kind.values()));
    }

    @Test
    void knowsTheStatusesOfWorkOrders() {
        assertThat(names(WorkOrder.Status.values()))
                .isEqualTo(names(dev.sortie.agent.v1.WorkOrderStatus.values(), "WORK_ORDER_STATUS_"));
    }

    private static Set<String> allowed(String constraint) throws SQLException {
        try (var connection = DATABASE.connectAsOwner();
                var query = connection.prepareStatement(
                        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ?")) {
            query.setString(1, constraint);
            try (var rows = query.executeQuery()) {
                assertThat(rows.next()).as(constraint).isTrue();
                return QUOTED.matcher(rows.getString(1))
                        .results()
                        .map(match -> match.group(1))
                        .collect(Collectors.toSet());
            }
        }
    }

    private static Set<String> names(Enum<?>[] values) {
        return Stream.of(values).map(Enum::name).collect(Collectors.toSet());
    }

    /** The values that can be sent, without their prefix. */
    private static <E extends Enum<E> & ProtocolMessageEnum> Set<String> names(E[] values, String prefix) {
        return Stream.of(values)
                .map(Enum::name)
                .filter(name -> !name.equals("UNRECOGNIZED") && !name.equals(prefix + "UNSPECIFIED"))
                .map(name -> name.substring(prefix.length()))
                .collect(Collectors.toSet());
    }
}
