package dev.sortie.mission.work;

import static dev.sortie.mission.v1.DeadlineState.DEADLINE_STATE_APPROACHING;
import static dev.sortie.mission.v1.DeadlineState.DEADLINE_STATE_PASSED;
import static dev.sortie.mission.v1.DeadlineState.DEADLINE_STATE_UNSPECIFIED;
import static dev.sortie.mission.work.PlanFixture.newTask;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Timestamp;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CreateMissionRequest;
import dev.sortie.mission.v1.DeletePlanRequest;
import dev.sortie.mission.v1.GetMissionRequest;
import dev.sortie.mission.v1.GetPlanRequest;
import dev.sortie.mission.v1.Mission;
import dev.sortie.mission.v1.MissionServiceGrpc;
import dev.sortie.mission.v1.Plan;
import dev.sortie.mission.v1.UpdatePlanRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Deadlines warn: once when they are near, once when they have passed. */
class DeadlinesTest {
    @AutoClose
    private static final PlanFixture FIXTURE = PlanFixture.start();

    @Test
    void warnsOfMissionsPlansAndTasksBeforeTheirDeadlineAndWhenItHasPassed() {
        var missions = MissionServiceGrpc.newBlockingStub(FIXTURE.service().developer());
        var mission = missions.createMission(CreateMissionRequest.newBuilder()
                        .setMission(Mission.newBuilder().setName("A mission").setDeadline(in(Duration.ofHours(48))))
                        .build())
                .getMission();
        var plan = FIXTURE.create(FIXTURE.newPlan().setDeadline(in(Duration.ofHours(48))));
        var task = FIXTURE.create(newTask().setDeadline(in(Duration.ofHours(48))));
        var request = GetMissionRequest.newBuilder()
                .setMissionId(mission.getMissionId())
                .build();
        look();
        assertThat(FIXTURE.now(plan)).as("far off").isEqualTo(plan);

        FIXTURE.service().clock().advance(Duration.ofHours(24));
        look();
        look();
        assertThat(missions.getMission(request).getMission().getDeadlineState()).isEqualTo(DEADLINE_STATE_APPROACHING);
        assertThat(FIXTURE.now(plan).getDeadlineState()).isEqualTo(DEADLINE_STATE_APPROACHING);
        assertThat(FIXTURE.now(task).getDeadlineState()).isEqualTo(DEADLINE_STATE_APPROACHING);
        assertThat(FIXTURE.now(plan).getEtag()).isNotEqualTo(plan.getEtag());

        FIXTURE.service().clock().advance(Duration.ofHours(24));
        look();
        look();
        assertThat(missions.getMission(request).getMission().getDeadlineState()).isEqualTo(DEADLINE_STATE_PASSED);
        assertThat(FIXTURE.now(plan).getDeadlineState()).isEqualTo(DEADLINE_STATE_PASSED);
        assertThat(FIXTURE.now(task).getDeadlineState()).isEqualTo(DEADLINE_STATE_PASSED);
        for (var id : new String[] {mission.getMissionId(), plan.getPlanId(), task.getTaskId()}) {
            assertThat(warnings(id, "APPROACHING")).isEqualTo(1);
            assertThat(warnings(id, "PASSED")).isEqualTo(1);
        }
        assertThat(FIXTURE.service()
                        .server()
                        .runtime()
                        .meters()
                        .counter("sortie.deadlines.warned", "resource", "plan", "state", "PASSED")
                        .count())
                .isPositive();
    }

    @Test
    void beginsAnewWithAnotherDeadline() {
        var plan = FIXTURE.create(FIXTURE.newPlan().setDeadline(in(Duration.ofHours(1))));
        look();
        assertThat(FIXTURE.now(plan).getDeadlineState()).isEqualTo(DEADLINE_STATE_APPROACHING);

        var later = update(plan, Plan.newBuilder().setDeadline(in(Duration.ofDays(7))));
        assertThat(later.getDeadlineState()).isEqualTo(DEADLINE_STATE_UNSPECIFIED);
        look();
        assertThat(FIXTURE.now(plan).getDeadlineState()).isEqualTo(DEADLINE_STATE_UNSPECIFIED);

        update(plan, Plan.newBuilder().setDeadline(in(Duration.ofHours(-1))));
        look();
        assertThat(FIXTURE.now(plan).getDeadlineState()).isEqualTo(DEADLINE_STATE_PASSED);
        assertThat(warnings(plan.getPlanId(), "APPROACHING")).isEqualTo(1);
        assertThat(warnings(plan.getPlanId(), "PASSED")).isEqualTo(1);
    }

    @Test
    void saysNothingOfWhatHasEndedOrIsHidden() {
        var ended = FIXTURE.create(newTask().setDeadline(in(Duration.ofHours(30))));
        FIXTURE.tasks()
                .cancelTask(CancelTaskRequest.newBuilder()
                        .setTaskId(ended.getTaskId())
                        .build());
        var hidden = FIXTURE.create(FIXTURE.newPlan().setDeadline(in(Duration.ofHours(30))));
        var within = FIXTURE.create(newTask().setPlanId(hidden.getPlanId()).setDeadline(in(Duration.ofHours(30))));
        FIXTURE.plans()
                .deletePlan(DeletePlanRequest.newBuilder()
                        .setPlanId(hidden.getPlanId())
                        .build());
        FIXTURE.service().clock().advance(Duration.ofHours(30));
        look();
        for (var id : new String[] {ended.getTaskId(), hidden.getPlanId(), within.getTaskId()}) {
            assertThat(warnings(id, "PASSED")).isZero();
        }
        assertThat(FIXTURE.plans()
                        .getPlan(GetPlanRequest.newBuilder()
                                .setPlanId(hidden.getPlanId())
                                .setShowDeleted(true)
                                .build())
                        .getPlan()
                        .getDeadlineState())
                .isEqualTo(DEADLINE_STATE_UNSPECIFIED);
    }

    @Test
    void warnsOnceHoweverManyLook() throws Exception {
        var plans = new ArrayList<Plan>();
        for (int i = 0; i < 150; i++) { // more than one transaction warns of
            plans.add(FIXTURE.create(FIXTURE.newPlan().setDeadline(in(Duration.ofHours(2)))));
        }
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var looking = new ArrayList<Future<?>>();
            for (int i = 0; i < 8; i++) {
                looking.add(threads.submit(DeadlinesTest::look));
            }
            for (var one : looking) {
                one.get();
            }
        }
        look();
        for (var plan : plans) {
            assertThat(warnings(plan.getPlanId(), "APPROACHING")).isEqualTo(1);
        }
    }

    private static void look() {
        FIXTURE.service().lookAtDeadlines();
    }

    private static Timestamp in(Duration time) {
        return timestamp(FIXTURE.service().clock().instant().plus(time));
    }

    private static long warnings(String id, String state) {
        return FIXTURE.number("SELECT count(*) FROM change_log WHERE resource_id = '" + id
                + "' AND attributes->>'deadline_warning' = '" + state + "'");
    }

    private static Plan update(Plan plan, Plan.Builder change) {
        return FIXTURE.plans()
                .updatePlan(UpdatePlanRequest.newBuilder()
                        .setPlan(change.setPlanId(plan.getPlanId()))
                        .setUpdateMask(FieldMask.newBuilder().addPaths("deadline"))
                        .build())
                .getPlan();
    }
}
