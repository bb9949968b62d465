package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Tx;

/** Hops and missions that go on by themselves, as far as callers begin them. {@link StepFlow} does the rest. */
public final class StepRuns implements Runs {
    private final StepFlow flow;
    private final MissionFlow missions;

    public StepRuns(StepFlow flow, MissionFlow missions) {
        this.flow = flow;
        this.missions = missions;
    }

    @Override
    public Hop runHop(Tx tx, Mission mission, Hop hop, String reason) {
        if (hop.running()) {
            return hop;
        }
        var why = Moves.because("the hop was run", reason);
        var locked = activate(tx, new LockedHop(mission, hop), why);
        if (!flow.beginFirst(tx, locked, why)) {
            throw Refusals.nothingToRun("hop", hop.id());
        }
        return locked.hop();
    }

    @Override
    public Mission runMission(Tx tx, Mission mission, String reason) {
        if (mission.running()) {
            return mission;
        }
        var why = Moves.because("the mission was run", reason);
        var running = missions.setRunning(tx, mission, true);
        var current = running.currentHopId();
        if (current == null) {
            var next = missions.firstPending(tx, mission.id())
                    .orElseThrow(() -> Refusals.nothingToRun("mission", mission.id()));
            return begin(tx, activate(tx, new LockedHop(running, next), why), why);
        }
        var hop = missions.lockHop(tx, current).hop();
        if (flow.isDone(tx, hop)) {
            // Its steps were executed one by one, and only its end is missing.
            flow.goOn(tx, new LockedHop(running, hop));
            return missions.lock(tx, mission.id());
        }
        return begin(tx, activate(tx, new LockedHop(running, hop), why), why);
    }

    @Override
    public void goOn(Tx tx, Mission mission) {
        flow.goOn(tx, mission);
    }

    private Mission begin(Tx tx, LockedHop locked, String why) {
        if (!flow.beginFirst(tx, locked, why)) {
            throw Refusals.nothingToRun("mission", locked.mission().id());
        }
        return locked.mission();
    }

    private LockedHop activate(Tx tx, LockedHop locked, String why) {
        return locked.hop().status() == HopStatus.PENDING
                ? missions.start(tx, locked, true, why)
                : new LockedHop(locked.mission(), missions.setRunning(tx, locked.hop(), true, ""));
    }
}
