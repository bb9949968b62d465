package dev.sortie.mission.domain;

import dev.sortie.mission.store.MoveStore;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The record of who moved what from which status to which, when and why. Whoever changes a status writes it here, in the
 * transaction of the change and under the lock of its mission, project, plan or task, so that the moves of one resource
 * make a chain without gaps.
 */
public final class Moves {
    /** The longest reason, in characters. */
    static final int MAX_REASON = 4_096;

    private final MoveStore store;

    public Moves(MoveStore store) {
        this.store = store;
    }

    /** Records a move of the caller; nothing where the status stays the same. */
    public void record(Tx tx, Move move) {
        record(tx, List.of(move));
    }

    /** The same of several, in their order, by one statement. */
    public void record(Tx tx, List<Move> moves) {
        var real = moves.stream()
                .filter(move -> !move.to().equals(move.from()))
                .map(move -> new Move(
                        move.resource(),
                        move.resourceId(),
                        move.rootId(),
                        move.from(),
                        move.to(),
                        shorten(move.reason())))
                .toList();
        if (!real.isEmpty()) {
            store.add(tx, real);
        }
    }

    /**
     * A page of a timeline, newest first.
     *
     * @param resource only moves of such resources, where given
     * @param resourceId only moves of this one, where given
     */
    public Page<Move.Recorded> list(
            Queries queries,
            Move.Root root,
            UUID rootId,
            Move.@Nullable Resource resource,
            @Nullable UUID resourceId,
            PageRequest page) {
        return page.page(
                store.list(queries, root, rootId, resource, resourceId, page.after(), page.limit()),
                move -> Keyset.of(move.id()));
    }

    /** What something follows from, with the reason that was given for that. */
    static String because(String what, String reason) {
        return reason.isEmpty() ? what : what + ": " + reason;
    }

    /** What is too long comes from putting a caller's reason behind the service's own words. */
    private static String shorten(String reason) {
        if (reason.codePointCount(0, reason.length()) <= MAX_REASON) {
            return reason;
        }
        return reason.substring(0, reason.offsetByCodePoints(0, MAX_REASON - 1)) + "…";
    }
}
