package dev.sortie.mission.store;

import dev.sortie.runtime.sql.Queries;
import java.util.Optional;

/**
 * The feed_cursors table. Every move of a cursor names where it was: of two replicas that follow the same feed, only one
 * moves it on, with everything else in that one's transaction.
 */
public final class FeedCursorStore {
    private static final String FIND = "SELECT cursor FROM feed_cursors WHERE feed = $1::text";
    private static final String BEGIN = """
            INSERT INTO feed_cursors (feed, cursor, updated_at) VALUES ($1::text, $2::text, $3::timestamptz)
            ON CONFLICT (feed) DO NOTHING
            """;
    private static final String MOVE = """
            UPDATE feed_cursors SET cursor = $3::text, updated_at = $4::timestamptz
            WHERE feed = $1::text AND cursor = $2::text
            """;
    private static final String FORGET = "DELETE FROM feed_cursors WHERE feed = $1::text AND cursor = $2::text";

    public Optional<String> find(Queries queries, String feed) {
        return queries.find(FIND, row -> row.getString("cursor"), feed);
    }

    /** Notes where a feed begins that has no cursor; false when it has one by now. */
    public boolean begin(Queries queries, String feed, String cursor) {
        return queries.update(BEGIN, feed, cursor, queries.now()) > 0;
    }

    /** Moves a cursor on; false when it is not where it was thought to be: somebody else has moved it. */
    public boolean move(Queries queries, String feed, String from, String to) {
        return queries.update(MOVE, feed, from, to, queries.now()) > 0;
    }

    /** Forgets a cursor that leads nowhere any more. */
    public void forget(Queries queries, String feed, String cursor) {
        queries.update(FORGET, feed, cursor);
    }
}
