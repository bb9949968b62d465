package dev.sortie.runtime.sql;

/** What a transaction sees of the ones beside it. */
public enum Isolation {
    /** Each statement sees what was committed before it; rows that a decision hangs on are locked. */
    READ_COMMITTED("BEGIN"),
    /** As if transactions ran one after the other; a conflict is retried. For decisions over rows that are not locked. */
    SERIALIZABLE("BEGIN ISOLATION LEVEL SERIALIZABLE");

    final String begin;

    Isolation(String begin) {
        this.begin = begin;
    }
}
