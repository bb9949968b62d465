package dev.sortie.demo;

import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.ListExecutionsRequest;
import dev.sortie.agent.v1.TailLogsRequest;
import dev.sortie.mission.v1.MissionStatus;
import dev.sortie.mission.v1.MissionTree;
import dev.sortie.mission.v1.ToolStep;
import dev.sortie.mission.v1.ToolStepStatus;
import io.grpc.StatusRuntimeException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Shows, line by line, how a running mission gets on. */
final class Progress {

    private static final Duration LOOK_EVERY = Duration.ofMillis(150);

    private final Survey survey;
    private final Connection agent;
    private final PrintStream out;
    private final Set<String> announcedHops = new HashSet<>();
    private final Map<String, ToolStepStatus> shown = new HashMap<>();

    Progress(Survey survey, Connection agent, PrintStream out) {
        this.survey = survey;
        this.agent = agent;
        this.out = out;
    }

    /**
     * Follows the mission until its work is done.
     *
     * @throws DemoException when a step fails or the mission ends another way
     */
    MissionTree follow(Process worker) {
        while (true) {
            var tree = survey.tree();
            show(tree);
            var status = tree.getMission().getStatus();
            if (status == MissionStatus.MISSION_STATUS_QA) {
                return tree;
            }
            if (status == MissionStatus.MISSION_STATUS_FAILED || status == MissionStatus.MISSION_STATUS_CANCELLED) {
                throw new DemoException("The mission ended as " + status + ": "
                        + tree.getMission().getStatusReason());
            }
            if (!worker.isAlive()) {
                throw new DemoException("The worker process ended with code " + worker.exitValue()
                        + ". What it said last stands above.");
            }
            LockSupport.parkNanos(LOOK_EVERY.toNanos());
        }
    }

    private void show(MissionTree tree) {
        for (var node : tree.getHopsList()) {
            for (var step : node.getToolStepsList()) {
                var status = step.getStatus();
                if (status == shown.getOrDefault(step.getToolStepId(), ToolStepStatus.TOOL_STEP_STATUS_PENDING)) {
                    continue;
                }
                if (announcedHops.add(node.getHop().getHopId())) {
                    out.printf(
                            "  hop %d of %d: %s%n",
                            node.getHop().getSequenceOrder() + 1,
                            tree.getHopsCount(),
                            node.getHop().getName());
                }
                show(step, status);
                shown.put(step.getToolStepId(), status);
            }
        }
        out.flush();
    }

    private void show(ToolStep step, ToolStepStatus status) {
        switch (status) {
            case TOOL_STEP_STATUS_RUNNING -> out.printf("    %-26s …%n", step.getName());
            case TOOL_STEP_STATUS_COMPLETED ->
                out.printf("    %-26s done in %.1f s%s%n", step.getName(), seconds(step), lastLine(step));
            case TOOL_STEP_STATUS_FAILED ->
                throw new DemoException(step.getName() + " failed: " + step.getErrorMessage());
            default -> out.printf("    %-26s %s%n", step.getName(), status);
        }
    }

    private static double seconds(ToolStep step) {
        var start = step.getStartTime();
        var end = step.getCompleteTime();
        return end.getSeconds() - start.getSeconds() + (end.getNanos() - start.getNanos()) / 1e9;
    }

    /** What the worker wrote last about the step; nothing when that cannot be had just now. */
    private String lastLine(ToolStep step) {
        try {
            var executions = ExecutionServiceGrpc.newBlockingStub(agent.channel())
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .listExecutions(ListExecutionsRequest.newBuilder()
                            .setWorkOrderId(step.getWorkOrderId())
                            .setPageSize(1)
                            .build());
            if (executions.getExecutionsCount() == 0) {
                return "";
            }
            var line = new StringBuilder();
            ExecutionServiceGrpc.newBlockingStub(agent.channel())
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .tailLogs(TailLogsRequest.newBuilder()
                            .setExecutionId(executions.getExecutions(0).getExecutionId())
                            .build())
                    .forEachRemaining(response -> response.getLinesList().forEach(logged -> {
                        line.setLength(0);
                        line.append(": ").append(logged.getMessage());
                    }));
            return line.toString();
        } catch (StatusRuntimeException away) {
            return "";
        }
    }
}
