package dev.sortie.bench;

import java.util.ArrayList;
import java.util.List;

/** What was found in several repetitions. */
final class Measured {
    private final List<Double> found = new ArrayList<>();

    void add(double value) {
        found.add(value);
        found.sort(null);
    }

    boolean isEmpty() {
        return found.isEmpty();
    }

    double median() {
        return found.get(found.size() / 2);
    }

    double least() {
        return found.getFirst();
    }

    double most() {
        return found.getLast();
    }
}
