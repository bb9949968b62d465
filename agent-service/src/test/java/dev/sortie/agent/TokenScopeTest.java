package dev.sortie.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.AgentServiceGrpc;
import dev.sortie.agent.v1.ExecutionServiceGrpc;
import dev.sortie.agent.v1.ListWorkOrdersRequest;
import dev.sortie.agent.v1.QueueServiceGrpc;
import dev.sortie.agent.v1.RegisterWorkerRequest;
import dev.sortie.agent.v1.WorkOrderServiceGrpc;
import dev.sortie.agent.v1.WorkServiceGrpc;
import dev.sortie.agent.v1.Worker;
import dev.sortie.agent.v1.WorkerServiceGrpc;
import dev.sortie.change.v1.ChangeServiceGrpc;
import dev.sortie.externalscaler.v1.ExternalScalerGrpc;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.ScopeRules;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import dev.sortie.type.v1.Scope;
import dev.sortie.type.v1.TaskType;
import io.grpc.Status.Code;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What a limited API token can do here. */
class TokenScopeTest {
    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(AgentFixture.clock());

    @Test
    void limitsTokensToWhatTheyWereMadeFor() {
        ScopeRules.check(
                scope -> AGENT.channel(FakeAuthenticator.limitedTo(scope)),
                List.of(
                        AgentServiceGrpc.getServiceDescriptor(),
                        WorkerServiceGrpc.getServiceDescriptor(),
                        WorkServiceGrpc.getServiceDescriptor(),
                        WorkOrderServiceGrpc.getServiceDescriptor(),
                        QueueServiceGrpc.getServiceDescriptor(),
                        ExecutionServiceGrpc.getServiceDescriptor(),
                        ExternalScalerGrpc.getServiceDescriptor(),
                        ChangeServiceGrpc.getServiceDescriptor()));
    }

    @Test
    void letsAWorkerWorkAndNothingElse() {
        var channel = AGENT.channel(FakeAuthenticator.limitedTo(Scope.SCOPE_WORK));
        var worker = WorkerServiceGrpc.newBlockingStub(channel)
                .registerWorker(RegisterWorkerRequest.newBuilder()
                        .setWorker(Worker.newBuilder().setName("a worker").setWorkerType(TaskType.TASK_TYPE_TEST))
                        .build());
        assertThat(worker.hasWorker()).isTrue();
        StatusAssert.fails(() -> WorkOrderServiceGrpc.newBlockingStub(channel)
                        .listWorkOrders(ListWorkOrdersRequest.getDefaultInstance()))
                .with(Code.PERMISSION_DENIED, ErrorReason.ERROR_REASON_SCOPE_INSUFFICIENT)
                .metadata("required", "AGENT_READ")
                .metadata("scopes", "WORK");
    }
}
