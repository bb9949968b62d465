package dev.sortie.mission.domain;

import dev.sortie.runtime.identity.Role;
import org.jspecify.annotations.Nullable;

/**
 * An account to be made.
 *
 * @param settings a JSON object, as text
 * @param passwordHash as {@link Passwords#hash} made it; null for an account that uses API tokens only
 */
public record UserDraft(
        String username,
        String email,
        String fullName,
        Role role,
        UserKind kind,
        String settings,
        @Nullable String passwordHash) {

    @Override
    public String toString() {
        return "UserDraft[" + username + ", " + role + ", " + kind + "]"; // no hash in a log
    }
}
