package dev.sortie.agent.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.agent.v1.ErrorReason;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Where a session stands, without a stream or a database. */
class SessionStateTest {
    private static final Instant BEGIN = Instant.parse("2026-01-01T00:00:00Z");

    private final SessionState state = new SessionState(BEGIN);

    @Test
    void wantsNothingBeforeItIsOpenAndNothingAfterIt() {
        assertThat(state.wanted(BEGIN)).isZero();
        assertThat(state.grant(5)).isNull();
        assertThat(state.credits()).isZero();

        open(10);
        assertThat(state.grant(5)).isNull();
        assertThat(state.wanted(BEGIN)).isEqualTo(5);

        state.drain();
        assertThat(state.wanted(BEGIN)).isZero();
        assertThat(state.credits()).isZero();
        assertThat(state.takesWorkFrom(List.of())).isFalse();
        assertThat(state.isOver()).isFalse();

        assertThat(state.over(null)).isTrue();
        assertThat(state.over(AgentFailures.sessionNotClosed())).isFalse();
        assertThat(state.failure()).isNull();
    }

    @Test
    void doesNotOpenAgainOnceItDrains() {
        state.drain();
        open(10);
        state.grant(5);
        assertThat(state.wanted(BEGIN)).isZero();
    }

    @Test
    void wantsAsMuchAsThereAreCreditsAndRoom() {
        open(3);
        state.grant(10);
        assertThat(state.wanted(BEGIN)).isEqualTo(3);

        var work = List.of(claimed(), claimed());
        state.assign(work);
        assertThat(state.wanted(BEGIN)).isEqualTo(1);
        assertThat(state.credits()).isEqualTo(8);
        assertThat(state.isFull()).isFalse();

        state.undo(work);
        assertThat(state.wanted(BEGIN)).isEqualTo(3);
        assertThat(state.credits()).isEqualTo(10);

        state.assign(List.of(claimed(), claimed(), claimed()));
        assertThat(state.wanted(BEGIN)).isZero();
        assertThat(state.isFull()).isTrue();
        state.maxClaims(4);
        assertThat(state.wanted(BEGIN)).isEqualTo(1);
    }

    @Test
    void refusesCreditsBeyondTheMostAndAddsNoneOfThem() {
        open(1);
        assertThat(state.grant(SessionState.MOST_CREDITS)).isNull();
        var refused = state.grant(1);
        assertThat(refused).isNotNull();
        assertThat(refused.reason()).isEqualTo(ErrorReason.ERROR_REASON_CREDITS_EXCEEDED.name());
        assertThat(state.credits()).isEqualTo(SessionState.MOST_CREDITS);
    }

    @Test
    void wantsTheFirstMessageToAttachAndNoOther() {
        assertThatThrownBy(() -> state.heard(1, false, BEGIN)).hasMessageContaining("does not attach");
        state.heard(5, true, BEGIN);
        assertThatThrownBy(() -> state.heard(5, false, BEGIN)).hasMessageContaining("rising numbers");
        assertThatThrownBy(() -> state.heard(6, true, BEGIN)).hasMessageContaining("attaches again");
        state.heard(9, false, BEGIN);
    }

    @Test
    void isHeardOfThreeTimesALeaseAtLeastOrAssignsNothing() {
        open(10);
        state.grant(1);
        assertThat(state.heartbeatInterval()).isEqualTo(Duration.ofSeconds(10));
        state.heard(1, true, BEGIN);
        assertThat(state.wanted(BEGIN.plusSeconds(30))).isEqualTo(1);
        assertThat(state.wanted(BEGIN.plusSeconds(31))).isZero();
        assertThat(state.isGone(BEGIN.plusSeconds(60))).isFalse();
        assertThat(state.isGone(BEGIN.plusSeconds(61))).isTrue();

        assertThat(state.heard(2, false, BEGIN.plusSeconds(40))).isTrue();
        assertThat(state.wanted(BEGIN.plusSeconds(41))).isEqualTo(1);
        assertThat(state.heard(3, false, BEGIN.plusSeconds(42))).isFalse();
    }

    @Test
    void asksForAHeartbeatEveryTwentySecondsWhereLeasesAreLong() {
        state.open(List.of("q"), Duration.ofHours(1), 1);
        assertThat(state.heartbeatInterval()).isEqualTo(Duration.ofSeconds(20));
    }

    @Test
    void restsUntilItsTimeOrUntilSomethingEnds() {
        open(1);
        state.grant(5);
        state.rest(BEGIN.plusSeconds(5));
        assertThat(state.wanted(BEGIN)).isZero();
        assertThat(state.hasRested(BEGIN.plusSeconds(4))).isFalse();
        assertThat(state.hasRested(BEGIN.plusSeconds(5))).isTrue();
        assertThat(state.hasRested(BEGIN.plusSeconds(6))).isFalse();
        assertThat(state.wanted(BEGIN)).isEqualTo(1);

        var work = claimed();
        state.assign(List.of(work));
        state.rest(BEGIN.plusSeconds(5));
        state.end(work.claim());
        assertThat(state.wanted(BEGIN)).isEqualTo(1);
    }

    @Test
    void tellsOfTheEndOfAClaimThatIsHeldAndOfNoOther() {
        open(10);
        var work = claimed();
        var id = work.workOrderId();
        state.assign(List.of(work));

        assertThat(state.changed(id, WorkOrderStatus.CLAIMED, _ -> true)).isFalse();
        assertThat(state.changed(id, WorkOrderStatus.PENDING, other -> !other.equals(work.executionId())))
                .isFalse();
        assertThat(state.changed(UUID.randomUUID(), WorkOrderStatus.CANCELLED, _ -> true))
                .isFalse();
        assertThat(state.takeNews()).isEmpty();

        assertThat(state.changed(id, WorkOrderStatus.CANCELLED, work.executionId()::equals))
                .isTrue();
        assertThat(state.held()).isEmpty();
        assertThat(state.takeNews())
                .containsExactly(new SessionReply.ClaimEnd(id, work.executionId(), WorkOrderStatus.CANCELLED));
        assertThat(state.takeNews()).isEmpty();
    }

    @Test
    void saysNothingOfWhatWasNeverHandedOver() {
        open(10);
        var work = claimed();
        state.assign(List.of(work));
        state.changed(work.workOrderId(), WorkOrderStatus.CANCELLED, _ -> true);
        state.undo(List.of(work));
        assertThat(state.takeNews()).isEmpty();
    }

    @Test
    void endsNoClaimByTheTokenOfAnother() {
        open(10);
        var work = claimed();
        state.assign(List.of(work));
        state.end(new ClaimReference(work.workOrderId(), "an older token"));
        assertThat(state.held()).containsExactly(work.claim());
        state.end(work.claim());
        assertThat(state.held()).isEmpty();
    }

    @Test
    void asksOnceForTheEnd() {
        open(10);
        state.grant(1);
        assertThat(state.close(SessionReply.Closing.Reason.AGE, BEGIN)).isTrue();
        assertThat(state.close(SessionReply.Closing.Reason.SERVER_STOPS, BEGIN.plusSeconds(1)))
                .isFalse();
        assertThat(state.closingAt()).isEqualTo(BEGIN);
        assertThat(state.wanted(BEGIN)).isZero();
        assertThat(state.takeNews()).containsExactly(new SessionReply.Closing(SessionReply.Closing.Reason.AGE));
        assertThat(state.takeNews()).isEmpty();
    }

    private void open(int maxClaims) {
        state.open(List.of("q"), Duration.ofSeconds(30), maxClaims);
    }

    private static SessionState.Held claimed() {
        return new SessionState.Held(
                new ClaimReference(UUID.randomUUID(), UUID.randomUUID().toString()), UUID.randomUUID());
    }
}
