package dev.sortie.agent.domain;

import java.util.EnumSet;
import java.util.List;

/** How important a log line is, rising. */
public enum LogLevel {
    DEBUG,
    INFO,
    WARNING,
    ERROR,
    CRITICAL;

    /** This level and those above it. */
    public List<LogLevel> andAbove() {
        return List.copyOf(EnumSet.range(this, CRITICAL));
    }
}
