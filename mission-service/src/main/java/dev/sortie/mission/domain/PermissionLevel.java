package dev.sortie.mission.domain;

/** How far work on a task goes without a person. */
public enum PermissionLevel {
    /** All the way. */
    AUTONOMOUS,
    /** Up to a result, which a person judges. */
    SUPERVISED,
    /** Not at all: a person does it. */
    HUMAN_REQUIRED
}
