package dev.sortie.runtime.change;

import java.util.Comparator;

/**
 * A place in the change log, by transaction id (unsigned) and, within a transaction, by number.
 *
 * @param xid the full transaction id
 * @param seq the number; 0 stands before everything in the transaction
 */
public record Position(long xid, long seq) implements Comparable<Position> {
    private static final Comparator<Position> ORDER =
            ((Comparator<Position>) (a, b) -> Long.compareUnsigned(a.xid, b.xid)).thenComparingLong(Position::seq);

    @Override
    public int compareTo(Position other) {
        return ORDER.compare(this, other);
    }

    boolean isBefore(Position other) {
        return compareTo(other) < 0;
    }
}
