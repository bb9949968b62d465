package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Tx;
import org.jspecify.annotations.Nullable;

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
        // A run of the mission that waits before this hop, or within it, goes on with it.
        var pause = mission.pause();
        boolean goesOn = pause != null && pause.hopId().equals(hop.id());
        var current = goesOn ? missions.setRunning(tx, mission, true) : mission;
        return flow.beginFirst(tx, activate(tx, new LockedHop(current, hop), why), why, hop.pause())
                .orElseThrow(() -> Refusals.nothingToRun("hop", hop.id()))
                .hop();
    }

    @Override
    public Mission runMission(Tx tx, Mission mission, String reason) {
        if (mission.running()) {
            return mission;
        }
        var why = Moves.because("the mission was run", reason);
        var current = mission.currentHopId();
        if (current == null) {
            var next = missions.firstPending(tx, mission.id())
                    .orElseThrow(() -> Refusals.nothingToRun("mission", mission.id()));
            var pause = mission.pause();
            if (next.fields().pauseBefore() && (pause == null || !pause.isBefore(next))) {
                return missions.pause(tx, mission, next);
            }
            return begin(tx, new LockedHop(missions.setRunning(tx, mission, true), next), why, null);
        }
        var hop = missions.lockHop(tx, current).hop();
        var running = missions.setRunning(tx, mission, true);
        if (flow.isDone(tx, hop)) {
            // Its steps were executed one by one, and only its end is missing.
            flow.goOn(tx, new LockedHop(running, hop));
            return missions.lock(tx, mission.id());
        }
        return begin(tx, new LockedHop(running, hop), why, hop.pause());
    }

    @Override
    public void goOn(Tx tx, Mission mission) {
        flow.goOn(tx, mission);
    }

    private Mission begin(Tx tx, LockedHop locked, String why, @Nullable Pause pause) {
        return flow.beginFirst(tx, activate(tx, locked, why), why, pause)
                .orElseThrow(
                        () -> Refusals.nothingToRun("mission", locked.mission().id()))
                .mission();
    }

    private LockedHop activate(Tx tx, LockedHop locked, String why) {
        return locked.hop().status() == HopStatus.PENDING
                ? missions.start(tx, locked, true, why)
                : new LockedHop(locked.mission(), missions.setRunning(tx, locked.hop(), true, ""));
    }
}
