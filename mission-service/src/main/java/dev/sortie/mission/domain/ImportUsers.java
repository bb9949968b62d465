package dev.sortie.mission.domain;

import dev.sortie.mission.store.UserStore;
import dev.sortie.runtime.identity.Role;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Users of older systems. Somebody whose e-mail address is known here already is that user, and stays as they are. */
final class ImportUsers {
    private static final Pattern USERNAME = Pattern.compile("[a-z][a-z0-9._-]{0,49}");
    private static final Pattern EMAIL = Pattern.compile("[^@\\s]+@[^@\\s]+");
    private static final Map<String, Role> ROLES = ImportWords.of(Role.class, Map.of());
    private static final int MAX_SETTINGS = 64 * ImportColumns.KIB;
    private static final int MAX_NUMBERED = 1_000;
    private static final UUID NOT_YET = new UUID(0, 0);

    private final UserStore users;

    ImportUsers(UserStore users) {
        this.users = users;
    }

    /** A row of AgentVine's users. */
    Importable agentVine(ImportColumns row, Instant now) {
        var username = row.required("username", 50);
        var lower = username.toLowerCase(Locale.ROOT);
        if (!USERNAME.matcher(lower).matches()) {
            throw row.rejected(
                    "username", "expected: lower-case letters, digits, '.', '_' and '-', beginning with a letter");
        }
        if (!lower.equals(username)) {
            row.note("username", "in lower case: " + lower);
        }
        var hash = row.required("hashed_password", 255);
        if (!Passwords.isBcrypt(hash)) {
            throw row.rejected("hashed_password", "no bcrypt hash of a cost of 4 to 16");
        }
        var created = ImportColumns.or(row.time("created_at"), now);
        var user = new User(
                NOT_YET,
                lower,
                email(row),
                row.text("full_name", 255),
                row.requiredChoice("role", ROLES),
                UserKind.HUMAN,
                row.flag("is_active", true),
                row.flag("is_verified", false),
                row.object("settings", MAX_SETTINGS),
                created,
                row.time("last_login_at"),
                created,
                ImportColumns.or(row.time("updated_at"), created),
                1);
        row.done();
        return new Person(user, hash, false);
    }

    /** A row of the mission system's users, who have no names. */
    Importable missionSystem(ImportColumns row, Instant now) {
        var email = email(row);
        var password = row.text("password", 255);
        var isHash = Passwords.isBcrypt(password);
        if (!password.isEmpty() && !isHash) {
            row.note("password", "dropped: no bcrypt hash of a cost of 4 to 16; an administrator sets a new one");
        }
        var created = ImportColumns.or(row.time("created_at"), now);
        var user = new User(
                NOT_YET,
                nameOf(email),
                email,
                "",
                Role.DEVELOPER,
                UserKind.HUMAN,
                row.flag("is_active", true),
                false,
                "{}",
                ImportColumns.or(row.time("registration_date"), created),
                null,
                created,
                ImportColumns.or(row.time("updated_at"), created),
                1);
        row.done();
        return new Person(user, isHash ? password : null, true);
    }

    private static String email(ImportColumns row) {
        var email = row.required("email", 255);
        if (!EMAIL.matcher(email).matches()) {
            throw row.rejected("email", "no e-mail address");
        }
        return email;
    }

    /** The part before the @, as far as a username can have it. */
    private static String nameOf(String email) {
        var name = email.substring(0, email.indexOf('@'))
                .toLowerCase(Locale.ROOT)
                .replaceAll("[^a-z0-9._-]", "-")
                .replaceAll("^[^a-z]+", "");
        return name.isEmpty() ? "user" : name.substring(0, Math.min(45, name.length()));
    }

    /** Somebody new, unless the address is known. Whoever had no username gets one, with a number where it is taken. */
    private final class Person implements Importable {
        private final User user;
        private final @Nullable String passwordHash;
        private final boolean numbered;

        Person(User user, @Nullable String passwordHash, boolean numbered) {
            this.user = user;
            this.passwordHash = passwordHash;
            this.numbered = numbered;
        }

        @Override
        public String resource() {
            return "user";
        }

        @Override
        public Optional<UUID> existing(ImportTarget target) {
            return users.findByEmail(target.tx(), user.email()).map(User::userId);
        }

        @Override
        public UUID write(ImportTarget target, UUID id) {
            var username = username(target);
            if (numbered) {
                target.note("email", "gave the username " + username + " and the role DEVELOPER");
            }
            var imported = new User(
                    id,
                    username,
                    user.email(),
                    user.fullName(),
                    user.role(),
                    user.kind(),
                    user.active(),
                    user.verified(),
                    user.settings(),
                    user.registerTime(),
                    user.lastLoginTime(),
                    user.createTime(),
                    user.updateTime(),
                    user.version());
            users.insertAsItWas(target.tx(), imported, passwordHash);
            Users.noteCreated(target.tx(), imported);
            return id;
        }

        private String username(ImportTarget target) {
            var username = user.username();
            for (int number = 2; users.findByUsername(target.tx(), username).isPresent(); number++) {
                if (!numbered || number > MAX_NUMBERED) {
                    throw new ImportRejection("username", username + " is the name of another user");
                }
                username = user.username() + "-" + number;
            }
            return username;
        }
    }
}
