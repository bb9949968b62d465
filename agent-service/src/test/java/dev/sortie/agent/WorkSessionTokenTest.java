package dev.sortie.agent;

import static dev.sortie.agent.AgentFixture.many;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.agent.v1.WorkOrderStatus;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.testing.FakeAuthenticator;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.type.v1.ErrorReason;
import io.grpc.Status;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** A session whose token is worth nothing any more. */
class WorkSessionTokenTest {
    @AutoClose
    private static final AgentFixture AGENT = new AgentFixture(AgentFixture.clock());

    private static final String QUEUE = "revoked";

    @Test
    void endsWithinSecondsAndLosesNoLease() {
        AGENT.authenticator()
                .know("leaked", FakeAuthenticator.user(81, "fleet", Role.DEVELOPER, Principal.Kind.SERVICE));
        AGENT.enqueueAll(many(2, QUEUE));
        var worker = AGENT.register(2);
        try (var session = new SessionClient(AGENT.channel("leaked"), worker)) {
            session.send(session.attachment(QUEUE).setCredits(1));
            var held = session.next();

            AGENT.authenticator().revoke("leaked");

            StatusAssert.of(session.failed()).with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
            assertThat(AGENT.get(held.getWorkOrder().getWorkOrderId()).getStatus())
                    .isEqualTo(WorkOrderStatus.WORK_ORDER_STATUS_CLAIMED);
            var epoch = session.attached().getSessionEpoch();
            try (var next = SessionClient.resume(AGENT, worker, 1, epoch, List.of(held), QUEUE)) {
                assertThat(next.attached().getResumedClaims(0).hasError()).isFalse();
                next.next();
            }
        }
    }

    @Test
    void isNotBegunWithATokenThatIsRevoked() {
        try (var session = new SessionClient(AGENT.channel("never known"), AGENT.register(1))) {
            session.send(session.attachment(QUEUE));

            StatusAssert.of(session.failed()).with(Status.Code.UNAUTHENTICATED, ErrorReason.ERROR_REASON_TOKEN_INVALID);
        }
    }
}
