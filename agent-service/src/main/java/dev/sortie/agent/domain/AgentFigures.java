package dev.sortie.agent.domain;

import dev.sortie.agent.store.AgentFigureStore;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What has come of the attempts of agents: how many were completed, how many not, and how long they took. Each end of
 * attempts leaves its figures behind in its own transaction; they are added up now and then, each once, by whichever
 * replica comes first. A day on which all attempts have ended is counted anew, once, from its executions: should the
 * figures ever differ, then not for long.
 */
public final class AgentFigures {
    private static final Logger LOG = LoggerFactory.getLogger(AgentFigures.class);
    private static final int BATCH = 5_000;

    private final Database database;
    private final AgentFigureStore figures;
    private final Counter mended;

    public AgentFigures(Database database, AgentFigureStore figures, MeterRegistry meters) {
        this.database = database;
        this.figures = figures;
        this.mended = meters.counter("sortie.agent.figures.mended");
    }

    /** Adds up what attempts have left behind. */
    public void addUp() {
        while (database.transaction(tx -> figures.addUp(tx, BATCH)) == BATCH) {}
    }

    /** Counts the days anew that are due. */
    public void recount() {
        for (var day : figures.due(database.queries())) {
            int wrong = database.transaction(tx -> figures.recount(tx, day));
            if (wrong > 0) {
                mended.increment(wrong);
                LOG.atWarn()
                        .addKeyValue("day", day)
                        .addKeyValue("agents", wrong)
                        .log("the figures of agents were not what their executions say; they are mended");
            }
        }
    }
}
