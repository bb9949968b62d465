package dev.sortie.runtime.sql;

/** What a transaction sees of the ones beside it. */
public enum Isolation {
    /** Each statement sees what was committed before it; rows that a decision hangs on are locked. */
    READ_COMMITTED("BEGIN"),
    /** Every statement sees what was committed before the first one, and nothing is written: several reads that agree. */
    SNAPSHOT("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    /** As if transactions ran one after the other; a conflict is retried. For decisions over rows that are not locked. */
    SERIALIZABLE("BEGIN ISOLATION LEVEL SERIALIZABLE");

    final String begin;

    Isolation(String begin) {
        this.begin = begin;
    }
}
