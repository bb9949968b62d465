package dev.sortie.mission.work;

import static dev.sortie.mission.work.StepFixture.struct;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.v1.ActivatePlanRequest;
import dev.sortie.mission.v1.AddTaskDependencyRequest;
import dev.sortie.mission.v1.CreatePlanRequest;
import dev.sortie.mission.v1.CreateProjectRequest;
import dev.sortie.mission.v1.CreateTaskRequest;
import dev.sortie.mission.v1.GetPlanRequest;
import dev.sortie.mission.v1.GetTaskRequest;
import dev.sortie.mission.v1.ListTasksRequest;
import dev.sortie.mission.v1.PermissionLevel;
import dev.sortie.mission.v1.Plan;
import dev.sortie.mission.v1.PlanServiceGrpc;
import dev.sortie.mission.v1.PlanServiceGrpc.PlanServiceBlockingStub;
import dev.sortie.mission.v1.Project;
import dev.sortie.mission.v1.ProjectServiceGrpc;
import dev.sortie.mission.v1.ProjectServiceGrpc.ProjectServiceBlockingStub;
import dev.sortie.mission.v1.QueueTaskRequest;
import dev.sortie.mission.v1.ScalingStrategy;
import dev.sortie.mission.v1.Task;
import dev.sortie.mission.v1.TaskServiceGrpc;
import dev.sortie.mission.v1.TaskServiceGrpc.TaskServiceBlockingStub;
import dev.sortie.mission.v1.TaskStatus;
import dev.sortie.type.v1.TaskType;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/** mission-service as it runs, with an agent-service that a test plays, and a developer with a project. */
public final class PlanFixture implements AutoCloseable {
    private final FakeAgentService agent;
    private final MissionFixture mission;
    private ProjectServiceBlockingStub projects;
    private PlanServiceBlockingStub plans;
    private TaskServiceBlockingStub tasks;
    private final Project project;

    private PlanFixture(FakeAgentService agent, MissionFixture mission) {
        this.agent = agent;
        this.mission = mission;
        connect();
        this.project = project("A project");
    }

    public static PlanFixture start() {
        var agent = FakeAgentService.start();
        return new PlanFixture(agent, MissionFixture.start(settings -> settings.withAgent(agent.address(), "")));
    }

    private void connect() {
        var channel = mission.developer();
        projects = ProjectServiceGrpc.newBlockingStub(channel);
        plans = PlanServiceGrpc.newBlockingStub(channel);
        tasks = TaskServiceGrpc.newBlockingStub(channel);
    }

    /** Stops mission-service, whatever it is at. */
    public void stopService() {
        mission.stopServer();
    }

    /** Starts mission-service again. */
    public void startService() {
        mission.startServer();
        connect();
    }

    public FakeAgentService agent() {
        return agent;
    }

    public MissionFixture service() {
        return mission;
    }

    public ProjectServiceBlockingStub projects() {
        return projects;
    }

    public PlanServiceBlockingStub plans() {
        return plans;
    }

    public TaskServiceBlockingStub tasks() {
        return tasks;
    }

    /** The project of the developer. */
    public Project project() {
        return project;
    }

    public Project project(String name) {
        return projects.createProject(CreateProjectRequest.newBuilder()
                        .setProject(Project.newBuilder().setName(name))
                        .build())
                .getProject();
    }

    /** A plan to be made. */
    public Plan.Builder newPlan() {
        return Plan.newBuilder().setProjectId(project.getProjectId()).setTitle("A plan");
    }

    public Plan create(Plan.Builder plan) {
        return plans.createPlan(CreatePlanRequest.newBuilder().setPlan(plan).build())
                .getPlan();
    }

    public Plan activate(Plan plan) {
        return plans.activatePlan(ActivatePlanRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .build())
                .getPlan();
    }

    /** An ACTIVE plan that dispatches so many tasks. */
    public Plan activePlan(ScalingStrategy strategy, int agentCount) {
        return activate(create(newPlan().setScalingStrategy(strategy).setAgentCount(agentCount)));
    }

    /** A task to be made, which a worker does all by itself. */
    public static Task.Builder newTask() {
        return Task.newBuilder()
                .setTitle("A task")
                .setTaskType(TaskType.TASK_TYPE_FEATURE)
                .setPermissionLevel(PermissionLevel.PERMISSION_LEVEL_AUTONOMOUS);
    }

    /** A new task, younger than those before. */
    public Task create(Task.Builder task) {
        mission.clock().advance(Duration.ofMillis(1));
        return tasks.createTask(CreateTaskRequest.newBuilder().setTask(task).build())
                .getTask();
    }

    /** A task of a plan. */
    public Task task(Plan plan) {
        return create(newTask().setPlanId(plan.getPlanId()));
    }

    /** A task without a plan, queued. */
    public Task queuedTask() {
        return queue(create(newTask()));
    }

    public Task queue(Task task) {
        return tasks.queueTask(QueueTaskRequest.newBuilder()
                        .setTaskId(task.getTaskId())
                        .build())
                .getTask();
    }

    /** Makes a task wait for another one. */
    public void block(Task task, Task blocker) {
        tasks.addTaskDependency(AddTaskDependencyRequest.newBuilder()
                .setTaskId(task.getTaskId())
                .setDependsOnTaskId(blocker.getTaskId())
                .build());
    }

    /** A task as it is now. */
    public Task now(Task task) {
        return tasks.getTask(
                        GetTaskRequest.newBuilder().setTaskId(task.getTaskId()).build())
                .getTask();
    }

    public Plan now(Plan plan) {
        return plans.getPlan(
                        GetPlanRequest.newBuilder().setPlanId(plan.getPlanId()).build())
                .getPlan();
    }

    public List<Task> tasksOf(Plan plan) {
        return tasks.listTasks(ListTasksRequest.newBuilder()
                        .setPlanId(plan.getPlanId())
                        .setPageSize(500)
                        .build())
                .getTasksList();
    }

    /** How many tasks of a plan are in a status. */
    public long count(Plan plan, TaskStatus status) {
        return tasksOf(plan).stream().filter(task -> task.getStatus() == status).count();
    }

    /** A task once it is in a status. */
    public Task await(Task task, TaskStatus status) {
        return Eventually.see(() -> now(task), seen -> seen.getStatus() == status);
    }

    /** The order of a task's current attempt, once it is known. */
    public String awaitOrder(Task task) {
        return Eventually.see(() -> now(task), seen -> !seen.getWorkOrderId().isEmpty())
                .getWorkOrderId();
    }

    /** Plays the worker: hands in a result for the task's current attempt. */
    public void complete(Task task, String result) {
        agent.complete(awaitOrder(task), struct(result));
    }

    /** Plays the worker: gives the task's current attempt up. */
    public void fail(Task task, String message) {
        agent.fail(awaitOrder(task), message);
    }

    /** How much is still to be told to agent-service. */
    public long outboxSize() {
        return number("SELECT count(*) FROM outbox");
    }

    /** One number from the database. */
    public long number(String sql) {
        try (var connection = mission.database().connectAsOwner();
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        } catch (SQLException failed) {
            throw new AssertionError(failed);
        }
    }

    @Override
    public void close() {
        mission.close();
        agent.close();
    }
}
