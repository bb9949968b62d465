package dev.sortie.mission.store;

import dev.sortie.mission.domain.User;
import dev.sortie.mission.domain.UserDraft;
import dev.sortie.mission.domain.UserKind;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The users table. */
public final class UserStore {
    private static final String COLUMNS = """
            user_id, username, email, full_name, role, kind, is_active, is_verified, settings::text AS settings,
            registered_at, last_login_at, created_at, updated_at, version
            """;
    private static final String INSERT = """
            INSERT INTO users (user_id, username, email, full_name, role, kind, settings, password_hash,
                               registered_at, created_at, updated_at)
            VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text::jsonb, $8::text,
                    $9::timestamptz, $9::timestamptz, $9::timestamptz)
            """;
    private static final String INSERT_NEW = INSERT + "RETURNING " + COLUMNS;
    private static final String INSERT_UNLESS_THERE =
            INSERT + "ON CONFLICT ON CONSTRAINT users_username_key DO NOTHING RETURNING " + COLUMNS;
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO users (user_id, username, email, full_name, role, kind, is_active, is_verified, settings,
                               password_hash, registered_at, last_login_at, created_at, updated_at)
            VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::boolean, $8::boolean, $9::text::jsonb,
                    $10::text, $11::timestamptz, $12::timestamptz, $13::timestamptz, $14::timestamptz)
            """;
    private static final String FIND_BY_EMAIL = "SELECT " + COLUMNS + "FROM users WHERE lower(email) = lower($1::text)";
    private static final String FIND_BY_USERNAME = "SELECT " + COLUMNS + "FROM users WHERE username = $1::text";
    private static final String FIND = "SELECT " + COLUMNS + "FROM users WHERE user_id = $1::uuid";
    private static final String FIND_BY_USERNAME_FOR_UPDATE =
            "SELECT " + COLUMNS + "FROM users WHERE username = $1::text FOR NO KEY UPDATE";
    private static final String LOCK = FIND + " FOR NO KEY UPDATE";
    // Nobody adds a row that refers to the user before the transaction ends.
    private static final String LOCK_FOR_DELETE = FIND + " FOR UPDATE";
    // In the order of the ids, so that two transactions never wait for each other.
    private static final String LOCK_ADMINISTRATORS = """
            SELECT user_id FROM users WHERE role = 'ADMIN' AND kind = 'HUMAN' AND is_active
            ORDER BY user_id FOR NO KEY UPDATE
            """;
    private static final String LOCK_CREDENTIALS =
            "SELECT password_hash, " + COLUMNS + "FROM users WHERE user_id = $1::uuid FOR NO KEY UPDATE";
    private static final String FIND_CREDENTIALS_OF =
            "SELECT password_hash, " + COLUMNS + "FROM users WHERE user_id = $1::uuid";
    private static final String FIND_CREDENTIALS =
            "SELECT password_hash, " + COLUMNS + "FROM users WHERE username = $1::text";
    // A login is no change of the account: whoever edits it meanwhile has nothing to decide anew.
    private static final String NOTE_LOGIN = """
            UPDATE users SET last_login_at = $2::timestamptz WHERE user_id = $1::uuid AND is_active
            RETURNING
            """ + COLUMNS;

    private static final String UPDATE = """
            UPDATE users
            SET email = $2::text, is_verified = is_verified AND lower(email) = lower($2::text), full_name = $3::text,
                settings = $4::text::jsonb, role = $5::text, is_active = $6::boolean,
                updated_at = $7::timestamptz, version = version + 1
            WHERE user_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String SET_PASSWORD = """
            UPDATE users SET password_hash = $2::text, updated_at = $3::timestamptz, version = version + 1
            WHERE user_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    // The password stays the same, so the account does not change.
    private static final String REPLACE_HASH =
            "UPDATE users SET password_hash = $3::text WHERE user_id = $1::uuid AND password_hash = $2::text";
    private static final String DELETE = "DELETE FROM users WHERE user_id = $1::uuid";

    /** What a login is checked against. */
    public record Credentials(User user, @Nullable String passwordHash) {
        @Override
        public String toString() {
            return "Credentials[" + user.userId() + "]"; // no hash in a log
        }
    }

    public User insert(Tx tx, UUID userId, UserDraft draft) {
        try {
            return tx.find(INSERT_NEW, UserStore::toUser, parameters(tx, userId, draft))
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            throw taken(broken, draft.username());
        }
    }

    /** Empty when there is a user with that username. */
    public Optional<User> insertUnlessThere(Tx tx, UUID userId, UserDraft draft) {
        try {
            return tx.find(INSERT_UNLESS_THERE, UserStore::toUser, parameters(tx, userId, draft));
        } catch (ConstraintViolation broken) {
            throw taken(broken, draft.username());
        }
    }

    /** Creates a user in the state in which they were elsewhere. */
    public void insertAsItWas(Tx tx, User user, @Nullable String passwordHash) {
        try {
            tx.update(
                    INSERT_AS_IT_WAS,
                    user.userId(),
                    user.username(),
                    user.email(),
                    user.fullName(),
                    user.role(),
                    user.kind(),
                    user.active(),
                    user.verified(),
                    user.settings(),
                    passwordHash,
                    user.registerTime(),
                    user.lastLoginTime(),
                    user.createTime(),
                    user.updateTime());
        } catch (ConstraintViolation broken) {
            throw taken(broken, user.username());
        }
    }

    /** Whoever has the address, whatever the case of its letters. */
    public Optional<User> findByEmail(Queries queries, String email) {
        return queries.find(FIND_BY_EMAIL, UserStore::toUser, email);
    }

    public Optional<User> findByUsername(Queries queries, String username) {
        return queries.find(FIND_BY_USERNAME, UserStore::toUser, username);
    }

    public Optional<User> find(Queries queries, UUID userId) {
        return queries.find(FIND, UserStore::toUser, userId);
    }

    /** Nobody else changes the user before the transaction ends. */
    public Optional<User> findByUsernameForUpdate(Tx tx, String username) {
        return tx.find(FIND_BY_USERNAME_FOR_UPDATE, UserStore::toUser, username);
    }

    /** Nobody else changes the user before the transaction ends. */
    public Optional<User> lock(Tx tx, UUID userId) {
        return tx.find(LOCK, UserStore::toUser, userId);
    }

    /** The same, and nobody gives the user anything to own. */
    public Optional<User> lockForDelete(Tx tx, UUID userId) {
        return tx.find(LOCK_FOR_DELETE, UserStore::toUser, userId);
    }

    /**
     * The people who may administer now. Until the end of the transaction none of them ceases to by another one. Taken
     * before the lock of any single user.
     */
    public List<UUID> lockAdministrators(Tx tx) {
        return tx.list(LOCK_ADMINISTRATORS, row -> row.getUUID("user_id"));
    }

    public Optional<Credentials> findCredentials(Queries queries, String username) {
        return queries.find(FIND_CREDENTIALS, UserStore::toCredentials, username);
    }

    public Optional<Credentials> findCredentials(Queries queries, UUID userId) {
        return queries.find(FIND_CREDENTIALS_OF, UserStore::toCredentials, userId);
    }

    /** Nobody else changes the user before the transaction ends. */
    public Optional<Credentials> lockCredentials(Tx tx, UUID userId) {
        return tx.find(LOCK_CREDENTIALS, UserStore::toCredentials, userId);
    }

    /** Writes what an update sets. The user is locked. Another address is not verified. */
    public User update(Tx tx, User user) {
        try {
            return tx.find(
                            UPDATE,
                            UserStore::toUser,
                            user.userId(),
                            user.email(),
                            user.fullName(),
                            user.settings(),
                            user.role(),
                            user.active(),
                            tx.now())
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            throw taken(broken, user.username());
        }
    }

    /** Writes a password's hash. The user is locked. */
    public User setPassword(Tx tx, UUID userId, String passwordHash) {
        return tx.find(SET_PASSWORD, UserStore::toUser, userId, passwordHash, tx.now())
                .orElseThrow();
    }

    /** Writes another hash of the same password, unless the password has been changed meanwhile. */
    public void replaceHash(Queries queries, UUID userId, String oldHash, String newHash) {
        queries.update(REPLACE_HASH, userId, oldHash, newHash);
    }

    /** Deletes a user for good; what still refers to them goes with them. */
    public void delete(Tx tx, UUID userId) {
        tx.send(DELETE, userId);
    }

    /** Which users a list shows. What is null does not matter. */
    public record Filter(
            @Nullable Role role,
            @Nullable UserKind kind,
            @Nullable Boolean active) {}

    /**
     * A page of users by name.
     *
     * @param after the name of the last one of the page before; empty for the first page
     */
    public List<User> list(Queries queries, Filter filter, String after, int limit) {
        return queries.list(
                listSql(filter), UserStore::toUser, after, limit, filter.role(), filter.kind(), filter.active());
    }

    // One text per combination of filters: each has a plan of its own, with the index that serves it.
    private static String listSql(Filter filter) {
        return "SELECT " + COLUMNS + "FROM users WHERE username > $1::text"
                + (filter.role() == null ? " AND $3::text IS NULL" : " AND role = $3::text")
                + (filter.kind() == null ? " AND $4::text IS NULL" : " AND kind = $4::text")
                + (filter.active() == null ? " AND $5::boolean IS NULL" : " AND is_active = $5::boolean")
                + " ORDER BY username LIMIT $2::int";
    }

    /** The user as it is after the login; empty when it has been deactivated meanwhile. */
    public Optional<User> noteLogin(Queries queries, UUID userId) {
        return queries.find(NOTE_LOGIN, UserStore::toUser, userId, queries.now());
    }

    private static @Nullable Object[] parameters(Tx tx, UUID userId, UserDraft draft) {
        return new @Nullable Object[] {
            userId,
            draft.username(),
            draft.email(),
            draft.fullName(),
            draft.role(),
            draft.kind(),
            draft.settings(),
            draft.passwordHash(),
            tx.now()
        };
    }

    private static RuntimeException taken(ConstraintViolation broken, String username) {
        return switch (broken.constraint()) {
            case "users_username_key" ->
                Failure.alreadyExists(
                                ErrorReason.ERROR_REASON_USERNAME_TAKEN,
                                "another user is called %s; choose another username",
                                username)
                        .with("username", username)
                        .exception();
            case "users_email_key" ->
                Failure.alreadyExists(ErrorReason.ERROR_REASON_EMAIL_TAKEN, "another user has this e-mail address")
                        .exception();
            default -> broken;
        };
    }

    private static Credentials toCredentials(Row row) {
        return new Credentials(toUser(row), row.getString("password_hash"));
    }

    private static User toUser(Row row) {
        return new User(
                row.getUUID("user_id"),
                row.getString("username"),
                row.getString("email"),
                row.getString("full_name"),
                Rows.value(row, "role", Role.class),
                Rows.value(row, "kind", UserKind.class),
                row.getBoolean("is_active"),
                row.getBoolean("is_verified"),
                row.getString("settings"),
                Rows.instant(row, "registered_at"),
                Rows.nullableInstant(row, "last_login_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
