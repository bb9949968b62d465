package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Database;

/**
 * Purges projects that have been hidden for {@link Missions#KEPT_AFTER_DELETE}, plan by plan, each in a transaction of its
 * own. May run in every replica at once: they pass over what another one is at.
 */
public final class ProjectPurge {
    private final Database database;
    private final Projects projects;

    public ProjectPurge(Database database, Projects projects) {
        this.database = database;
        this.projects = projects;
    }

    /** Purges until nothing is left to purge, or until the thread is interrupted. */
    public void runOnce() {
        boolean purged = true;
        while (purged && !Thread.currentThread().isInterrupted()) {
            purged = database.transaction(projects::purgeExpired);
        }
    }
}
