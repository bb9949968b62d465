package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TaskMoveTest {
    @Test
    void allowsCallersWhatTheContractSays() {
        assertThat(TaskMove.allowedTo(TaskStatus.PENDING, false))
                .containsExactly("CANCEL", "COMPLETE", "FAIL", "QUEUE", "REPORT_PROGRESS");
        for (var status : List.of(TaskStatus.QUEUED, TaskStatus.ASSIGNED, TaskStatus.IN_PROGRESS)) {
            assertThat(TaskMove.allowedTo(status, false))
                    .as("%s", status)
                    .containsExactly("CANCEL", "COMPLETE", "FAIL", "REPORT_PROGRESS");
        }
        assertThat(TaskMove.allowedTo(TaskStatus.IN_PROGRESS, true)).containsExactly("APPROVE", "CANCEL", "REJECT");
        assertThat(TaskMove.allowedTo(TaskStatus.BLOCKED, false)).containsExactly("CANCEL", "FAIL");
        assertThat(TaskMove.allowedTo(TaskStatus.FAILED, false)).containsExactly("CANCEL", "QUEUE", "REPORT_PROGRESS");
        assertThat(TaskMove.allowedTo(TaskStatus.COMPLETED, false)).isEmpty();
        assertThat(TaskMove.allowedTo(TaskStatus.CANCELLED, false)).isEmpty();
    }

    @Test
    void leadsNowhereFromATerminalStatus() {
        for (var status : TaskStatus.values()) {
            for (var next : TaskStatus.values()) {
                if (status.isTerminal()) {
                    assertThat(TaskMove.leads(status, next))
                            .as("%s → %s", status, next)
                            .isFalse();
                }
            }
        }
    }

    @Test
    void reachesEveryStatusFromPending() {
        var reached = EnumSet.of(TaskStatus.PENDING);
        boolean more = true;
        while (more) {
            more = false;
            for (var from : EnumSet.copyOf(reached)) {
                for (var to : TaskStatus.values()) {
                    more |= TaskMove.leads(from, to) && reached.add(to);
                }
            }
        }
        assertThat(reached).containsExactlyInAnyOrder(TaskStatus.values());
    }

    @Test
    void isBlockedOnlyBeforeItBegins() {
        var blockable = new EnumMap<TaskStatus, Boolean>(TaskStatus.class);
        for (var status : TaskStatus.values()) {
            blockable.put(status, TaskMove.BLOCK.isAllowed(status, false));
        }
        assertThat(blockable.entrySet().stream()
                        .filter(entry -> entry.getValue())
                        .map(java.util.Map.Entry::getKey))
                .containsExactlyInAnyOrderElementsOf(
                        Set.of(TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.ASSIGNED));
    }
}
