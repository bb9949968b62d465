package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Database;

/**
 * Purges missions that have been hidden for {@link Missions#KEPT_AFTER_DELETE}, each in a transaction of its own. May
 * run in every replica at once: they pass over what another one is at.
 */
public final class MissionPurge {
    private final Database database;
    private final Missions missions;

    public MissionPurge(Database database, Missions missions) {
        this.database = database;
        this.missions = missions;
    }

    /** Purges until nothing is left to purge, or until the thread is interrupted. */
    public void runOnce() {
        boolean purged = true;
        while (purged && !Thread.currentThread().isInterrupted()) {
            purged = database.transaction(missions::purgeExpired);
        }
    }
}
