package dev.sortie.mission.domain;

import dev.sortie.runtime.identity.Role;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An account.
 *
 * @param username unique; what people log in with
 * @param email unique, whatever the case of its letters
 * @param active whether the account may be used at all
 * @param verified whether the address has been confirmed
 * @param settings a JSON object, as text
 * @param lastLoginTime null before the first login with a password
 */
public record User(
        UUID userId,
        String username,
        String email,
        String fullName,
        Role role,
        UserKind kind,
        boolean active,
        boolean verified,
        String settings,
        Instant registerTime,
        @Nullable Instant lastLoginTime,
        Instant createTime,
        Instant updateTime,
        long version) {

    /** The values that an update can set. */
    public record Fields(String email, String fullName, String settings, Role role, boolean active) {}

    public Fields fields() {
        return new Fields(email, fullName, settings, role, active);
    }

    /** Whether this is a person who may administer now. */
    boolean administers() {
        return active && role == Role.ADMIN && kind == UserKind.HUMAN;
    }

    /** The same user with other values. */
    User with(Fields fields) {
        return new User(
                userId,
                username,
                fields.email(),
                fields.fullName(),
                fields.role(),
                kind,
                fields.active(),
                verified,
                fields.settings(),
                registerTime,
                lastLoginTime,
                createTime,
                updateTime,
                version);
    }
}
