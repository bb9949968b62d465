package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.UUID;

/** Stands in for steps where there are none: hops complete without any, and nothing runs by itself. */
public final class NoSteps implements HopSteps, Runs {

    @Override
    public List<OpenStep> open(Queries queries, UUID hopId) {
        return List.of();
    }

    @Override
    public void cancelOfHop(Tx tx, UUID hopId, String reason) {}

    @Override
    public void cancelOfMission(Tx tx, UUID missionId, String reason) {}

    @Override
    public void interruptOfMission(Tx tx, UUID missionId, String reason) {}

    @Override
    public void deleteOfHop(Tx tx, UUID hopId) {}

    @Override
    public void deleteOfMission(Tx tx, UUID missionId) {}

    @Override
    public Hop runHop(Tx tx, Mission mission, Hop hop) {
        throw Refusals.nothingToRun("hop", hop.id());
    }

    @Override
    public Mission runMission(Tx tx, Mission mission) {
        throw Refusals.nothingToRun("mission", mission.id());
    }

    @Override
    public void goOn(Tx tx, Mission mission) {}
}
