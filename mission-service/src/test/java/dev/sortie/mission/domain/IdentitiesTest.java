package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.mission.MissionFixture;
import dev.sortie.mission.store.ApiTokenStore;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.ApiTokens;
import dev.sortie.runtime.identity.Principal;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class IdentitiesTest {
    @AutoClose
    private static final MissionFixture MISSION = MissionFixture.start();

    private final ApiTokenStore store = new ApiTokenStore();
    private final Identities identities = new Identities(
            MISSION.server().runtime().database(),
            store,
            SigningKeys.parse(MissionFixture.SIGNING_KEY),
            MISSION.clock());

    @Test
    void notesTheLastUseOfATokenToAboutAMinute() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        assertThat(lastUse(person.token())).isNull();
        var first = use(person.token());
        assertThat(lastUse(person.token())).isEqualTo(first);
        MISSION.clock().advance(Duration.ofSeconds(30));
        use(person.token());
        assertThat(lastUse(person.token())).isEqualTo(first);
        MISSION.clock().advance(Duration.ofSeconds(31));
        use(person.token());
        assertThat(lastUse(person.token())).isEqualTo(first.plusSeconds(61));
    }

    @Test
    void writesManyUsesAtOnceAndAUseOnce() throws Exception {
        var tokens = new String[20];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = MISSION.newPerson(UserRole.USER_ROLE_VIEWER).token();
        }
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 200; i++) {
                var token = tokens[i % tokens.length];
                threads.submit(() -> identities.authenticator().authenticate(token));
            }
        }
        identities.writeUses();
        for (var token : tokens) {
            assertThat(lastUse(token)).isEqualTo(MISSION.clock().instant());
        }
    }

    @Test
    void doesNotMoveTheLastUseBack() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        identities.authenticator().authenticate(person.token());
        var later = MISSION.clock().instant().plusSeconds(5);
        MISSION.database()
                .execute("UPDATE api_tokens SET last_used_at = '" + later + "' WHERE user_id = '" + person.id() + "'");
        identities.writeUses();
        assertThat(lastUse(person.token())).isEqualTo(later);
    }

    @Test
    void tellsWhoATokenStandsFor() {
        var person = MISSION.newPerson(UserRole.USER_ROLE_DEVELOPER);
        var principal = identities.authenticator().authenticate(person.token());
        assertThat(principal.userId()).isEqualTo(UUID.fromString(person.id()));
        assertThat(principal.kind()).isEqualTo(Principal.Kind.USER);
        assertThat(principal.expiresAt()).isEqualTo(Instant.MAX);
        assertThat(identities
                        .authenticator()
                        .authenticate(MISSION.serviceToken())
                        .isService())
                .isTrue();
        assertThatThrownBy(() -> identities.authenticator().authenticate("sortie_nonsense"))
                .isInstanceOf(FailureException.class);
    }

    private Instant use(String token) {
        identities.authenticator().authenticate(token);
        identities.writeUses();
        return MISSION.clock().instant();
    }

    private @Nullable Instant lastUse(String token) {
        return store.findByHash(MISSION.server().runtime().database().queries(), ApiTokens.hash(token))
                .orElseThrow()
                .lastUseTime();
    }
}
