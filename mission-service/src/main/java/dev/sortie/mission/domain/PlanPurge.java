package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Database;

/**
 * Purges plans that have been hidden for {@link Plans#KEPT_AFTER_DELETE}, each in a transaction of its own. May run in
 * every replica at once: they pass over what another one is at.
 */
public final class PlanPurge {
    private final Database database;
    private final Plans plans;

    public PlanPurge(Database database, Plans plans) {
        this.database = database;
        this.plans = plans;
    }

    /** Purges until nothing is left to purge, or until the thread is interrupted. */
    public void runOnce() {
        boolean purged = true;
        while (purged && !Thread.currentThread().isInterrupted()) {
            purged = database.transaction(plans::purgeExpired);
        }
    }
}
