package dev.sortie.mission.api;

import static dev.sortie.mission.work.PlanFixture.newTask;
import static dev.sortie.mission.work.StepFixture.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Duration;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Timestamp;
import dev.sortie.mission.MoveChains;
import dev.sortie.mission.v1.ActivatePlanRequest;
import dev.sortie.mission.v1.CancelPlanRequest;
import dev.sortie.mission.v1.CancelTaskRequest;
import dev.sortie.mission.v1.CompletePlanRequest;
import dev.sortie.mission.v1.CreatePlanRequest;
import dev.sortie.mission.v1.DeletePlanRequest;
import dev.sortie.mission.v1.DeleteProjectRequest;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.mission.v1.GetPlanRequest;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.ListPlanMovesRequest;
import dev.sortie.mission.v1.ListPlansRequest;
import dev.sortie.mission.v1.PausePlanRequest;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.Plan;
import dev.sortie.mission.v1.PlanOrder;
import dev.sortie.mission.v1.PlanServiceGrpc;
import dev.sortie.mission.v1.PlanStatus;
import dev.sortie.mission.v1.ScalingStrategy;
import dev.sortie.mission.v1.UndeletePlanRequest;
import dev.sortie.mission.v1.UndeleteProjectRequest;
import dev.sortie.mission.v1.UpdatePlanRequest;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.mission.v1.UserServiceGrpc;
import dev.sortie.mission.work.Eventually;
import dev.sortie.mission.work.PlanFixture;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.Priority;
import io.grpc.Status.Code;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class PlanGrpcServiceTest {
    @AutoClose
    private static final PlanFixture FIXTURE = PlanFixture.start();

    @Test
    void keepsWhatItIsGivenAndFillsInWhatIsLeftOut() {
        var developer = FIXTURE.service().person(UserRole.USER_ROLE_DEVELOPER).id();
        var least = FIXTURE.create(FIXTURE.newPlan());
        assertThat(least.getStatus()).isEqualTo(PlanStatus.PLAN_STATUS_DRAFT);
        assertThat(least.getPriority()).isEqualTo(Priority.PRIORITY_NORMAL);
        assertThat(least.getScalingStrategy()).isEqualTo(ScalingStrategy.SCALING_STRATEGY_FIXED);
        assertThat(least.getAgentCount()).isEqualTo(1);
        assertThat(least.getCreatedBy()).isEqualTo(developer);
        assertThat(least.hasEstimatedEffort()).isFalse();

        var all = FIXTURE.newPlan()
                .setTitle("Everything")
                .setDescription("All of it")
                .setPriority(Priority.PRIORITY_HIGH)
                .setAssignedTo(developer)
                .setEstimatedEffort(Duration.newBuilder().setSeconds(36 * 150 + 17))
                .setActualEffort(Duration.newBuilder().setSeconds(35_999_964))
                .setMobileSyncEnabled(true)
                .setAgentCount(7)
                .setScalingStrategy(ScalingStrategy.SCALING_STRATEGY_ADAPTIVE)
                .setDeadline(Timestamp.newBuilder().setSeconds(4_000_000_000L))
                .setMetadata(struct("{\"a\": [1, 2]}"))
                .build();
        var created = FIXTURE.create(all.toBuilder());
        assertThat(created.toBuilder()
                        .clearPlanId()
                        .clearStatus()
                        .clearCreatedBy()
                        .clearCreateTime()
                        .clearUpdateTime()
                        .clearEtag()
                        .build())
                .isEqualTo(all.toBuilder()
                        .setEstimatedEffort(Duration.newBuilder().setSeconds(36 * 150))
                        .build());
        assertThat(FIXTURE.now(created)).isEqualTo(created);
    }

    @Test
    void refusesAPlanOfNothingOfNobodyAndOfAnothersProject() {
        var nobody = UUID.randomUUID().toString();
        StatusAssert.fails(() -> FIXTURE.create(FIXTURE.newPlan().setProjectId(nobody)))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "plan.project_id");
        StatusAssert.fails(() -> FIXTURE.create(FIXTURE.newPlan().setAssignedTo(nobody)))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND)
                .metadata("field", "plan.assigned_to");
        StatusAssert.fails(() -> FIXTURE.create(Plan.newBuilder().setTitle("").setAgentCount(0)))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("plan.agent_count");
        StatusAssert.fails(() -> FIXTURE.create(Plan.newBuilder()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_FIELD_INVALID)
                .field("plan.project_id")
                .field("plan.title");
        var stranger = PlanServiceGrpc.newBlockingStub(FIXTURE.service()
                .with(FIXTURE.service().newPerson(UserRole.USER_ROLE_DEVELOPER).token()));
        StatusAssert.fails(() -> stranger.createPlan(CreatePlanRequest.newBuilder()
                        .setPlan(FIXTURE.newPlan())
                        .build()))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "project");
    }

    @Test
    void letsOnlyWhoeverOwnsItOrIsResponsibleChangeIt() {
        var responsible = FIXTURE.service().newPerson(UserRole.USER_ROLE_DEVELOPER);
        var stranger = FIXTURE.service().newPerson(UserRole.USER_ROLE_DEVELOPER);
        var plan = FIXTURE.create(FIXTURE.newPlan().setAssignedTo(responsible.id()));
        var request =
                ActivatePlanRequest.newBuilder().setPlanId(plan.getPlanId()).build();

        StatusAssert.fails(
                        () -> PlanServiceGrpc.newBlockingStub(FIXTURE.service().with(stranger.token()))
                                .activatePlan(request))
                .with(Code.PERMISSION_DENIED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_NOT_OWNER)
                .metadata("resource", "plan");
        var activated = PlanServiceGrpc.newBlockingStub(FIXTURE.service().with(responsible.token()))
                .activatePlan(request);
        assertThat(activated.getPlan().getStatus()).isEqualTo(PlanStatus.PLAN_STATUS_ACTIVE);
        PlanServiceGrpc.newBlockingStub(FIXTURE.service().admin())
                .pausePlan(PausePlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .build());
    }

    @Test
    void changesTheFieldsOfTheMaskAndNothingElse() {
        var plan = FIXTURE.create(FIXTURE.newPlan().setDescription("old").setAgentCount(5));
        var changed = update(
                Plan.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .setEtag(plan.getEtag())
                        .setTitle("New")
                        .setDescription("ignored"),
                "title",
                "agent_count");
        assertThat(changed.getTitle()).isEqualTo("New");
        assertThat(changed.getDescription()).isEqualTo("old");
        assertThat(changed.getAgentCount()).as("absent is the default").isEqualTo(1);

        StatusAssert.fails(() -> update(
                        Plan.newBuilder()
                                .setPlanId(plan.getPlanId())
                                .setEtag(plan.getEtag())
                                .setTitle("Newer"),
                        "title"))
                .with(Code.ABORTED, dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH)
                .metadata("etag", changed.getEtag());
        for (var path : List.of("status", "project_id", "nonsense", "deadline_state")) {
            StatusAssert.fails(() -> update(Plan.newBuilder().setPlanId(plan.getPlanId()), path))
                    .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_UPDATE_MASK_INVALID)
                    .metadata("path", path);
        }
        move(plan, "CANCEL");
        StatusAssert.fails(() ->
                        update(Plan.newBuilder().setPlanId(plan.getPlanId()).setTitle("Too late"), "title"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_NOT_CHANGEABLE)
                .metadata("state", "CANCELLED");
    }

    @Test
    void movesAsTheContractSaysAndRecordsWhoAndWhy() throws SQLException {
        var allowed = Map.of(
                "DRAFT", List.of("ACTIVATE", "CANCEL"),
                "ACTIVE", List.of("CANCEL", "COMPLETE", "PAUSE"),
                "PAUSED", List.of("ACTIVATE", "CANCEL", "COMPLETE"),
                "COMPLETED", List.<String>of(),
                "CANCELLED", List.<String>of());
        var ways = Map.of(
                "DRAFT", List.<String>of(),
                "ACTIVE", List.of("ACTIVATE"),
                "PAUSED", List.of("ACTIVATE", "PAUSE"),
                "COMPLETED", List.of("ACTIVATE", "COMPLETE"),
                "CANCELLED", List.of("CANCEL"));
        for (var status : allowed.keySet()) {
            for (var move : List.of("ACTIVATE", "PAUSE", "COMPLETE", "CANCEL")) {
                var plan = FIXTURE.create(FIXTURE.newPlan());
                ways.get(status).forEach(way -> move(plan, way));
                if (allowed.get(status).contains(move)) {
                    var moved = move(plan, move);
                    assertThat(moved.getStatusReason()).isEqualTo("because");
                    assertThat(moved.getStatus()).isNotEqualTo(PlanStatus.valueOf("PLAN_STATUS_" + status));
                } else {
                    StatusAssert.fails(() -> move(plan, move))
                            .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED)
                            .metadata("state", status)
                            .metadata("move", move)
                            .metadata("allowed_moves", String.join(",", allowed.get(status)));
                }
            }
        }
        var plan = FIXTURE.create(FIXTURE.newPlan());
        List.of("ACTIVATE", "PAUSE", "ACTIVATE", "COMPLETE").forEach(move -> move(plan, move));
        assertThat(MoveChains.statuses(FIXTURE.service().database(), plan.getPlanId()))
                .containsExactly("DRAFT", "ACTIVE", "PAUSED", "ACTIVE", "COMPLETED");
        var developer = FIXTURE.service().person(UserRole.USER_ROLE_DEVELOPER).id();
        var moves = ListPlanMovesRequest.newBuilder().setPlanId(plan.getPlanId());
        assertThat(FIXTURE.plans().listPlanMoves(moves.build()).getMovesList())
                .hasSize(5)
                .allSatisfy(move -> assertThat(move.getActor()).isEqualTo(developer))
                .extracting(move -> move.getFromStatus() + ">" + move.getToStatus() + " " + move.getReason())
                .startsWith("ACTIVE>COMPLETED because", "PAUSED>ACTIVE because")
                .endsWith(">DRAFT ");
        assertThat(FIXTURE.plans().listPlanMoves(moves.setPageSize(2).build()).getNextPageToken())
                .isNotEmpty();
        assertNotFound(
                "plan",
                () -> FIXTURE.plans()
                        .listPlanMoves(ListPlanMovesRequest.newBuilder()
                                .setPlanId(UUID.randomUUID().toString())
                                .build()));
    }

    @Test
    void namesTheTasksThatKeepAPlanFromBeingCompleted() {
        var plan = FIXTURE.create(FIXTURE.newPlan());
        for (int i = 0; i < 30; i++) {
            FIXTURE.create(newTask()
                    .setPlanId(plan.getPlanId())
                    .setTitle("Open " + i)
                    .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_HUMAN_REQUIRED));
        }
        move(plan, "ACTIVATE");
        StatusAssert.fails(() -> move(plan, "COMPLETE"))
                .with(Code.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_TASKS_OPEN)
                .metadata("open_tasks", "30")
                .precondition("task/" + FIXTURE.tasksOf(plan).getLast().getTaskId());
        for (var task : FIXTURE.tasksOf(plan)) {
            FIXTURE.tasks()
                    .cancelTask(CancelTaskRequest.newBuilder()
                            .setTaskId(task.getTaskId())
                            .build());
        }
        assertThat(move(plan, "COMPLETE").getStatus()).isEqualTo(PlanStatus.PLAN_STATUS_COMPLETED);
    }

    @Test
    void answersTheSameRequestTheSame() {
        var request = CreatePlanRequest.newBuilder()
                .setPlan(FIXTURE.newPlan())
                .setRequestId(UUID.randomUUID().toString())
                .build();
        var first = FIXTURE.plans().createPlan(request);
        var again = FIXTURE.plans().createPlan(request);
        assertThat(again).isEqualTo(first.toBuilder().setReplayed(true).build());
        StatusAssert.fails(() -> FIXTURE.plans()
                        .createPlan(request.toBuilder()
                                .setPlan(FIXTURE.newPlan().setTitle("Another"))
                                .build()))
                .with(Code.ALREADY_EXISTS, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REQUEST_ID_REUSED);
    }

    @Test
    void listsByEveryFilterAndInEveryOrderInPages() {
        var project = FIXTURE.project("Lists");
        var person = FIXTURE.service().newPerson(UserRole.USER_ROLE_DEVELOPER);
        var plans = new ArrayList<Plan>();
        for (int i = 0; i < 9; i++) {
            FIXTURE.service().clock().advance(java.time.Duration.ofMillis(1));
            var plan = FIXTURE.newPlan()
                    .setProjectId(project.getProjectId())
                    .setPriority(Priority.forNumber(1 + i % 4))
                    .setMobileSyncEnabled(i % 2 == 0);
            if (i % 3 == 0) {
                plan.setAssignedTo(person.id());
            }
            if (i < 6) {
                plan.setDeadline(timestamp(FIXTURE.service().clock().instant().plusSeconds(10_000 - i)));
            }
            plans.add(FIXTURE.create(plan));
        }
        for (int i = 0; i < 4; i++) {
            FIXTURE.activate(plans.get(i));
        }
        var all = ListPlansRequest.newBuilder().setProjectId(project.getProjectId());
        assertThat(ids(all)).containsExactlyElementsOf(ids(plans.reversed()));
        assertThat(ids(all.clone().setStatus(PlanStatus.PLAN_STATUS_ACTIVE)))
                .containsExactlyElementsOf(ids(plans.subList(0, 4).reversed()));
        assertThat(ids(all.clone().setPriority(Priority.PRIORITY_LOW)))
                .containsExactlyElementsOf(ids(List.of(plans.get(8), plans.get(4), plans.get(0))));
        assertThat(ids(ListPlansRequest.newBuilder().setAssignedTo(person.id())))
                .containsExactlyElementsOf(ids(List.of(plans.get(6), plans.get(3), plans.get(0))));
        assertThat(ids(all.clone().setMobileSyncEnabled(true))).hasSize(5);
        assertThat(ids(all.clone().setCreatedBy(person.id()))).isEmpty();
        assertThat(ids(all.clone().setDeadlineBefore(plans.get(3).getDeadline())))
                .containsExactlyElementsOf(ids(List.of(plans.get(5), plans.get(4))));
        assertThat(ids(all.clone().setOrderBy(PlanOrder.PLAN_ORDER_DEADLINE)))
                .containsExactlyElementsOf(ids(plans.subList(0, 6).reversed()));
        assertThat(ids(all.clone().setOrderBy(PlanOrder.PLAN_ORDER_PRIORITY)))
                .containsExactlyElementsOf(ids(List.of(
                        plans.get(3),
                        plans.get(7),
                        plans.get(2),
                        plans.get(6),
                        plans.get(1),
                        plans.get(5),
                        plans.get(0),
                        plans.get(4),
                        plans.get(8))));
        for (var order : List.of(
                PlanOrder.PLAN_ORDER_UNSPECIFIED, PlanOrder.PLAN_ORDER_DEADLINE, PlanOrder.PLAN_ORDER_PRIORITY)) {
            assertThat(paged(all.clone().setOrderBy(order)))
                    .isEqualTo(ids(all.clone().setOrderBy(order)));
        }
        var token =
                FIXTURE.plans().listPlans(all.clone().setPageSize(2).build()).getNextPageToken();
        StatusAssert.fails(() -> FIXTURE.plans()
                        .listPlans(all.clone()
                                .setPageToken(token)
                                .setOrderBy(PlanOrder.PLAN_ORDER_DEADLINE)
                                .build()))
                .with(Code.INVALID_ARGUMENT, dev.sortie.type.v1.ErrorReason.ERROR_REASON_PAGE_TOKEN_INVALID);
    }

    @Test
    void hidesAPlanAndBringsItBackWithItsTasks() {
        var plan = FIXTURE.create(FIXTURE.newPlan());
        var task = FIXTURE.task(plan);
        var hidden = FIXTURE.plans()
                .deletePlan(DeletePlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .build())
                .getPlan();
        assertThat(hidden.hasDeleteTime()).isTrue();
        assertThat(hidden.getPurgeTime().getSeconds() - hidden.getDeleteTime().getSeconds())
                .isEqualTo(30 * 24 * 3600);
        assertNotFound("plan", () -> FIXTURE.now(plan));
        assertNotFound("plan", () -> move(plan, "ACTIVATE"));
        assertNotFound("task", () -> FIXTURE.now(task));
        assertThat(FIXTURE.plans()
                        .getPlan(GetPlanRequest.newBuilder()
                                .setPlanId(plan.getPlanId())
                                .setShowDeleted(true)
                                .build())
                        .getPlan())
                .isEqualTo(hidden);
        var list =
                ListPlansRequest.newBuilder().setProjectId(plan.getProjectId()).setPageSize(500);
        assertThat(ids(list)).doesNotContain(plan.getPlanId());
        assertThat(ids(list.clone().setShowDeleted(true))).contains(plan.getPlanId());

        var back = FIXTURE.plans()
                .undeletePlan(UndeletePlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .build())
                .getPlan();
        assertThat(back.hasDeleteTime()).isFalse();
        assertThat(FIXTURE.now(task)).isEqualTo(task);
    }

    @Test
    void purgesAPlanAtOnceOrWhenItsTimeIsOver() {
        var forced = FIXTURE.create(FIXTURE.newPlan());
        var forcedTask = FIXTURE.task(forced);
        FIXTURE.plans()
                .deletePlan(DeletePlanRequest.newBuilder()
                        .setPlanId(forced.getPlanId())
                        .setForce(true)
                        .build());
        var late = FIXTURE.create(FIXTURE.newPlan());
        FIXTURE.task(late);
        FIXTURE.plans()
                .deletePlan(DeletePlanRequest.newBuilder()
                        .setPlanId(late.getPlanId())
                        .build());
        FIXTURE.service().clock().advance(java.time.Duration.ofDays(30));
        StatusAssert.fails(() -> FIXTURE.plans()
                        .undeletePlan(UndeletePlanRequest.newBuilder()
                                .setPlanId(late.getPlanId())
                                .build()))
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND);
        // The server's own job may be at it.
        Eventually.see(
                () -> {
                    FIXTURE.service().purgePlans();
                    return FIXTURE.number("SELECT count(*) FROM plans WHERE plan_id = '" + late.getPlanId() + "'");
                },
                count -> count == 0);
        for (var plan : List.of(forced, late)) {
            assertThat(FIXTURE.number("SELECT count(*) FROM tasks WHERE plan_id = '" + plan.getPlanId() + "'"))
                    .isZero();
            assertThat(FIXTURE.number("SELECT count(*) FROM change_log WHERE resource_type IN ('plan', 'task')"
                            + " AND kind = 'DELETED' AND (resource_id = '" + plan.getPlanId()
                            + "' OR attributes->>'plan_id' = '" + plan.getPlanId() + "')"))
                    .isEqualTo(2);
        }
        assertNotFound(
                "task",
                () -> FIXTURE.tasks()
                        .getTask(GetTaskRequest.newBuilder()
                                .setTaskId(forcedTask.getTaskId())
                                .build()));
    }

    @Test
    void isGoneWhileItsProjectIs() {
        var project = FIXTURE.project("Gone");
        var plan = FIXTURE.create(FIXTURE.newPlan().setProjectId(project.getProjectId()));
        FIXTURE.projects()
                .deleteProject(DeleteProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .build());
        assertNotFound("plan", () -> FIXTURE.now(plan));
        assertNotFound("plan", () -> move(plan, "ACTIVATE"));
        assertNotFound(
                "plan",
                () -> FIXTURE.plans()
                        .undeletePlan(UndeletePlanRequest.newBuilder()
                                .setPlanId(plan.getPlanId())
                                .build()));
        assertThat(ids(ListPlansRequest.newBuilder().setProjectId(project.getProjectId())))
                .isEmpty();
        StatusAssert.fails(() -> FIXTURE.create(FIXTURE.newPlan().setProjectId(project.getProjectId())))
                .with(Code.FAILED_PRECONDITION, dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND);
        FIXTURE.projects()
                .undeleteProject(UndeleteProjectRequest.newBuilder()
                        .setProjectId(project.getProjectId())
                        .build());
        assertThat(FIXTURE.now(plan)).isEqualTo(plan);
    }

    @Test
    void ordersTheTasksByTheDeadlineOfThePlanWhereTheyHaveNone() {
        var plan = FIXTURE.create(FIXTURE.newPlan());
        var task = FIXTURE.task(plan);
        var deadline = timestamp(FIXTURE.service().clock().instant().plusSeconds(100_000));
        update(Plan.newBuilder().setPlanId(plan.getPlanId()).setDeadline(deadline), "deadline");
        assertThat(FIXTURE.number("SELECT extract(epoch FROM due_at)::bigint FROM tasks WHERE task_id = '"
                        + task.getTaskId() + "'"))
                .isEqualTo(deadline.getSeconds());
    }

    @Test
    void outlivesWhoMadeItAndWhoWasResponsible() {
        var gone = FIXTURE.service().newPerson(UserRole.USER_ROLE_ADMIN);
        var made = PlanServiceGrpc.newBlockingStub(FIXTURE.service().with(gone.token()))
                .createPlan(CreatePlanRequest.newBuilder()
                        .setPlan(FIXTURE.newPlan())
                        .build())
                .getPlan();
        var assigned = FIXTURE.create(FIXTURE.newPlan().setAssignedTo(gone.id()));

        UserServiceGrpc.newBlockingStub(FIXTURE.service().admin())
                .deleteUser(DeleteUserRequest.newBuilder().setUserId(gone.id()).build());

        assertThat(made.getCreatedBy()).isEqualTo(gone.id());
        assertThat(FIXTURE.now(made).getCreatedBy()).isEmpty();
        assertThat(FIXTURE.now(assigned).getAssignedTo()).isEmpty();
        assertThat(FIXTURE.now(assigned).getCreatedBy()).isEqualTo(assigned.getCreatedBy());
        for (var plan : List.of(made, assigned)) {
            assertThat(FIXTURE.now(plan).getEtag()).isNotEqualTo(plan.getEtag());
            assertThat(FIXTURE.number("SELECT count(*) FROM change_log WHERE resource_type = 'plan' AND resource_id = '"
                            + plan.getPlanId() + "'"))
                    .isEqualTo(2);
        }
        assertThat(made.toBuilder()
                        .clearCreatedBy()
                        .clearUpdateTime()
                        .clearEtag()
                        .build())
                .isEqualTo(FIXTURE.now(made).toBuilder()
                        .clearUpdateTime()
                        .clearEtag()
                        .build());
    }

    private static Plan move(Plan plan, String move) {
        var id = plan.getPlanId();
        Function<String, Plan> call = switch (move) {
            case "ACTIVATE" ->
                reason -> FIXTURE.plans()
                        .activatePlan(ActivatePlanRequest.newBuilder()
                                .setPlanId(id)
                                .setReason(reason)
                                .build())
                        .getPlan();
            case "PAUSE" ->
                reason -> FIXTURE.plans()
                        .pausePlan(PausePlanRequest.newBuilder()
                                .setPlanId(id)
                                .setReason(reason)
                                .build())
                        .getPlan();
            case "COMPLETE" ->
                reason -> FIXTURE.plans()
                        .completePlan(CompletePlanRequest.newBuilder()
                                .setPlanId(id)
                                .setReason(reason)
                                .build())
                        .getPlan();
            default ->
                reason -> FIXTURE.plans()
                        .cancelPlan(CancelPlanRequest.newBuilder()
                                .setPlanId(id)
                                .setReason(reason)
                                .build())
                        .getPlan();
        };
        return call.apply("because");
    }

    private static Plan update(Plan.Builder plan, String... paths) {
        return FIXTURE.plans()
                .updatePlan(UpdatePlanRequest.newBuilder()
                        .setPlan(plan)
                        .setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)))
                        .build())
                .getPlan();
    }

    private static void assertNotFound(String resource, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        StatusAssert.fails(call)
                .with(Code.NOT_FOUND, dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND)
                .metadata("resource", resource);
    }

    private static List<String> ids(ListPlansRequest.Builder request) {
        return ids(FIXTURE.plans().listPlans(request.build()).getPlansList());
    }

    private static List<String> ids(List<Plan> plans) {
        return plans.stream().map(Plan::getPlanId).toList();
    }

    private static List<String> paged(ListPlansRequest.Builder request) {
        var ids = new ArrayList<String>();
        var token = "";
        do {
            var page = FIXTURE.plans()
                    .listPlans(
                            request.clone().setPageSize(2).setPageToken(token).build());
            ids.addAll(ids(page.getPlansList()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        return ids;
    }
}
