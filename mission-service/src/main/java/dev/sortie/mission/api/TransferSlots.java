package dev.sortie.mission.api;

import dev.sortie.mission.domain.TransferRefusals;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.atomic.AtomicInteger;

/** How many transfers of one direction are in hand, of those that the server takes. */
final class TransferSlots {
    private final String what;
    private final int limit;
    private final AtomicInteger taken = new AtomicInteger();

    /** A place that is held until it is closed. */
    interface Slot extends AutoCloseable {
        @Override
        void close();
    }

    TransferSlots(String what, int limit, MeterRegistry meters) {
        this.what = what;
        this.limit = limit;
        Gauge.builder("sortie.asset.content." + what, taken, AtomicInteger::get).register(meters);
    }

    /** Takes a place. Refuses when there is none. */
    Slot take() {
        if (taken.incrementAndGet() > limit) {
            taken.decrementAndGet();
            throw TransferRefusals.overloaded(what, limit);
        }
        return taken::decrementAndGet;
    }
}
