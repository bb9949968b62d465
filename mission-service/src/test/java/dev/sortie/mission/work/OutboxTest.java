package dev.sortie.mission.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What is still to be told to agent-service. */
class OutboxTest {

    @Test
    void sendsWhatTheReleaseBeforeLeftBehind() {
        try (var fixture = StepFixture.start()) {
            var step = fixture.step(fixture.activeHop(), fixture.tool());
            fixture.stopDispatching();
            fixture.execute(step);
            // An entry as it was written before orders had a priority and could be for tasks.
            fixture.service()
                    .database()
                    .execute("UPDATE outbox SET work_order = work_order - 'priority', due_at = '2000-01-01'");
            fixture.service().clock().advance(Duration.ofSeconds(1));

            var order = fixture.awaitOrder(step);

            assertThat(fixture.agent().orders()).singleElement().satisfies(placed -> {
                assertThat(placed.getWorkOrderId()).isEqualTo(order);
                assertThat(placed.getPriority()).isEqualTo(3);
                assertThat(placed.getDedupeKey()).isEqualTo("tool-step/" + step.getToolStepId() + "/1");
            });
        }
    }

    @Test
    void holdsOneEntryOfAKindForAnAttemptAtOneThing() {
        try (var fixture = PlanFixture.start()) {
            var insert = """
                    INSERT INTO outbox (outbox_id, kind, tool_step_id, task_id, attempt, work_order, due_at, created_at)
                    VALUES (gen_random_uuid(), 'ENQUEUE', %s, %s, 1, '{}', 'infinity', now())
                    """;
            var id = "'01978c2e-0000-7000-8000-000000000001'";
            fixture.service().database().execute(insert.formatted("NULL", id), insert.formatted(id, "NULL"));
            assertRefused(fixture, insert.formatted("NULL", id), "outbox_task_attempt_key");
            assertRefused(fixture, insert.formatted(id, "NULL"), "outbox_step_attempt_key");
            assertRefused(fixture, insert.formatted("NULL", "NULL"), "outbox_subject_check");
            assertRefused(fixture, insert.formatted(id, id), "outbox_subject_check");
        }
    }

    private static void assertRefused(PlanFixture fixture, String sql, String constraint) {
        assertThatThrownBy(() -> fixture.service().database().execute(sql)).hasStackTraceContaining(constraint);
    }
}
