package dev.sortie.mission.domain;

import java.util.List;
import java.util.stream.Stream;

/** Where a project stands. */
public enum ProjectStatus {
    ACTIVE,
    COMPLETED,
    ARCHIVED;

    /** Whether a project in this status can get the other one. */
    public boolean leadsTo(ProjectStatus other) {
        return switch (this) {
            case ACTIVE -> other != ACTIVE;
            case COMPLETED -> other != COMPLETED;
            case ARCHIVED -> other == ACTIVE;
        };
    }

    /** What may follow, by name. */
    List<String> next() {
        return Stream.of(values()).filter(this::leadsTo).map(Enum::name).toList();
    }
}
