package dev.sortie.runtime.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.sortie.mission.v1.CreateHopRequest;
import dev.sortie.mission.v1.CreateUserRequest;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.ListHopsRequest;
import dev.sortie.mission.v1.UpdateHopRequest;
import dev.sortie.mission.v1.User;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class RequestRulesTest {
    private static final String ID = UUID.randomUUID().toString();

    private final RequestRules rules = new RequestRules();

    @Test
    void letsAGoodRequestThrough() {
        rules.check(CreateHopRequest.newBuilder()
                .setHop(Hop.newBuilder().setMissionId(ID).setName("n"))
                .build());
    }

    @Test
    void refusesEnumValuesThatNobodyKnows() {
        assertThat(violations(ListHopsRequest.newBuilder()
                        .setMissionId(ID)
                        .setStatusValue(99)
                        .build()))
                .extracting(Failure.FieldViolation::field)
                .containsExactly("status");
    }

    @Test
    void asksForRequiredFieldsOfWhatIsToBeMadeButNotOfWhatIsToBeChanged() {
        assertThat(violations(CreateHopRequest.newBuilder()
                        .setHop(Hop.newBuilder().setName("n"))
                        .build()))
                .containsExactly(new Failure.FieldViolation("hop.mission_id", "value is required"));
        rules.check(UpdateHopRequest.newBuilder()
                .setHop(Hop.newBuilder().setHopId(ID).setIsFinal(true))
                .build());
    }

    @Test
    void boundsFieldsOfFreeShape() {
        var large = Struct.newBuilder()
                .putFields(
                        "k",
                        Value.newBuilder().setStringValue("x".repeat(66_000)).build());
        var user = User.newBuilder()
                .setUsername("ada")
                .setEmail("ada@example.org")
                .setRole(UserRole.USER_ROLE_VIEWER)
                .setSettings(large);
        assertThat(violations(CreateUserRequest.newBuilder()
                        .setUser(user)
                        .setPassword("correct horse battery")
                        .build()))
                .singleElement()
                .satisfies(violation -> {
                    assertThat(violation.field()).isEqualTo("user.settings");
                    assertThat(violation.description()).contains("expected: <= 65536");
                });
    }

    private List<Failure.FieldViolation> violations(Message request) {
        var violations = new java.util.ArrayList<Failure.FieldViolation>();
        assertThatThrownBy(() -> rules.check(request)).isInstanceOfSatisfying(FailureException.class, thrown -> {
            if (thrown.failure() instanceof Failure.InvalidArgument invalid) {
                violations.addAll(invalid.violations());
            }
        });
        return violations;
    }
}
