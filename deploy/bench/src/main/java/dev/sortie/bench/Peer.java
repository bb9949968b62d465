package dev.sortie.bench;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Another way to have orders claimed and completed, on the same PostgreSQL. */
interface Peer {
    /** Which it is, in which version, and how it is used. */
    String name();

    /** What it needs and does not find here; null when it can run. */
    @Nullable
    String missing() throws Exception;

    /** Orders completed per second. Whatever lies in its tables before goes. */
    double perSecond(Duration runFor) throws Exception;

    /** What the last run kept busy; null where it is not known. */
    default Cpu.@Nullable Use use() {
        return null;
    }
}
