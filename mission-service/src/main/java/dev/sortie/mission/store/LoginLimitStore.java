package dev.sortie.mission.store;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** The login_limits table: when a username or an address has all its attempts again. */
public final class LoginLimitStore {
    // Each attempt moves the time on; where it would come to lie too far ahead, nothing is written.
    private static final String TAKE = """
            INSERT INTO login_limits AS l (subject, recovered_at, created_at, updated_at)
            VALUES ($1::bytea, $2::timestamptz + $3::bigint * interval '1 millisecond', $2::timestamptz, $2::timestamptz)
            ON CONFLICT (subject) DO UPDATE
            SET recovered_at = greatest(l.recovered_at, $2::timestamptz) + $3::bigint * interval '1 millisecond',
                updated_at = $2::timestamptz
            WHERE l.recovered_at <= $2::timestamptz + $4::bigint * interval '1 millisecond'
            """;
    private static final String FIND = "SELECT recovered_at FROM login_limits WHERE subject = $1::bytea";
    private static final String GIVE_BACK = """
            UPDATE login_limits SET recovered_at = recovered_at - $2::bigint * interval '1 millisecond'
            WHERE subject = $1::bytea
            """;
    private static final String REMOVE = "DELETE FROM login_limits WHERE subject = $1::bytea";
    // Of more than there is room for, those go that would recover first.
    private static final String PURGE = """
            DELETE FROM login_limits
            WHERE recovered_at <= $1::timestamptz
               OR recovered_at <= (SELECT recovered_at FROM login_limits ORDER BY recovered_at DESC OFFSET $2::int LIMIT 1)
            """;

    /**
     * Takes one attempt.
     *
     * @param recovery how long it takes until there is one more
     * @param burst how far ahead the time may lie before the attempt
     * @return false when there is none
     */
    public boolean take(Queries queries, byte[] subject, Instant now, Duration recovery, Duration burst) {
        return queries.update(TAKE, subject, now, recovery.toMillis(), burst.toMillis()) > 0;
    }

    /** When all attempts are there again; empty when they are. */
    public Optional<Instant> find(Queries queries, byte[] subject) {
        return queries.find(FIND, row -> Rows.instant(row, "recovered_at"), (Object) subject);
    }

    public void giveBack(Queries queries, byte[] subject, Duration recovery) {
        queries.update(GIVE_BACK, subject, recovery.toMillis());
    }

    public void remove(Queries queries, byte[] subject) {
        queries.update(REMOVE, (Object) subject);
    }

    /**
     * Removes what has recovered, and what is too much.
     *
     * @param most how many may stay
     */
    public void purge(Queries queries, Instant now, int most) {
        queries.update(PURGE, now, most);
    }
}
