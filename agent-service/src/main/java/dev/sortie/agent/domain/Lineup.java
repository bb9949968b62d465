package dev.sortie.agent.domain;

import dev.sortie.agent.domain.Explanation.Place;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * A queue that is claimed from in turn, as it stands at one moment, to look at. Which order comes when is found by taking
 * them in {@link Turn turns}, as claims do.
 *
 * @param heldByLane how many of its orders workers hold
 * @param lines the lanes with the first orders in each
 * @param each how many orders of a lane there are at most; in one that has as many, more may follow
 */
public record Lineup(
        Turn.State state, Map<String, Double> shares, Map<Lane, Integer> heldByLane, List<Line> lines, int each) {
    // What an answer may cost: each order that is taken is found among all lanes.
    private static final long MOST_LOOKS = 1_000_000;

    /** A lane, and the first orders in it. */
    public record Line(Lane lane, List<Turn.Candidate> candidates) {}

    /** The queue's turn as the next claim would find it. */
    Turn turn(Instant now) {
        var turn = new Turn(state, shares, now);
        heldByLane.forEach(turn::holds);
        lines.forEach(line -> turn.add(line.lane, line.candidates));
        return turn;
    }

    /** How many orders with a concurrency key workers hold. */
    int held(String concurrencyKey) {
        return heldByLane.entrySet().stream()
                .filter(entry -> entry.getKey().concurrencyKey().equals(concurrencyKey))
                .mapToInt(Map.Entry::getValue)
                .sum();
    }

    int held() {
        return heldByLane.values().stream().mapToInt(Integer::intValue).sum();
    }

    /**
     * The place of an order among those that could be claimed now: not those of lanes that nobody there can do, or whose
     * keys are at their limit. Limits that only those before it would come to do not count: they will end, too.
     *
     * @param own its lane
     * @param candidate the order
     * @param isDoable whether somebody there can do what a lane requires
     */
    Place place(Lane own, Turn.Candidate candidate, Predicate<Lane> isDoable, Instant now) {
        var free = new Turn.State(
                state.queueName(),
                new Limits(0, 0, null, state.limits().weights()),
                state.priorityAging(),
                null,
                null,
                state.virtualTime());
        var turn = new Turn(free, shares, now);
        var left = new HashMap<Lane, Integer>();
        var everything = new HashMap<String, CapabilityLevel>();
        for (var line : withOwn(own, candidate)) {
            if (line.lane.equals(own) || (isDoable.test(line.lane) && hasRoom(line.lane))) {
                turn.add(line.lane, line.candidates);
                left.put(line.lane, line.candidates.size());
                line.lane.requirements().keySet().forEach(name -> everything.put(name, CapabilityLevel.EXPERT));
            }
        }
        return place(turn, own, candidate, left, everything);
    }

    private Place place(
            Turn turn,
            Lane own,
            Turn.Candidate candidate,
            Map<Lane, Integer> left,
            Map<String, CapabilityLevel> everything) {
        int before = 0;
        int overtaking = 0;
        var overtakingKeys = new HashSet<String>();
        for (long looks = 0; looks <= MOST_LOOKS; looks += left.size()) {
            var next = turn.peek(everything);
            if (next.isEmpty()) {
                return new Place(before, true, overtaking, overtakingKeys.size()); // behind those that were read
            }
            var pick = next.get();
            if (pick.candidate().workOrderId().equals(candidate.workOrderId())) {
                return new Place(before, false, overtaking, overtakingKeys.size());
            }
            turn.take(pick);
            before++;
            if (pick.candidate().rank().isAfter(candidate.rank())
                    && !pick.lane().fairnessKey().equals(own.fairnessKey())) {
                overtaking++;
                overtakingKeys.add(pick.lane().fairnessKey());
            }
            if (left.merge(pick.lane(), -1, Integer::sum) == 0 && isCutOff(pick.lane())) {
                break; // who comes next is not known
            }
        }
        return new Place(before, true, overtaking, overtakingKeys.size());
    }

    private boolean isCutOff(Lane lane) {
        return lines.stream().anyMatch(line -> line.lane.equals(lane) && line.candidates.size() >= each);
    }

    private boolean hasRoom(Lane lane) {
        int most = state.limits().concurrencyPerKey();
        return most == 0 || lane.concurrencyKey().isEmpty() || held(lane.concurrencyKey()) < most;
    }

    /** Its lane may not be known yet, or without it: its time has come just now. */
    private List<Line> withOwn(Lane own, Turn.Candidate candidate) {
        var all = new ArrayList<Line>();
        boolean found = false;
        for (var line : lines) {
            if (!line.lane.equals(own)) {
                all.add(line);
                continue;
            }
            found = true;
            boolean there =
                    line.candidates.stream().anyMatch(one -> one.workOrderId().equals(candidate.workOrderId()));
            all.add(
                    there || line.candidates.size() >= each
                            ? line
                            : new Line(own, inserted(line.candidates, candidate)));
        }
        if (!found) {
            all.add(new Line(own, List.of(candidate)));
        }
        return all;
    }

    private static List<Turn.Candidate> inserted(List<Turn.Candidate> line, Turn.Candidate candidate) {
        var inserted = new ArrayList<>(line);
        int at = 0;
        while (at < line.size() && !line.get(at).rank().isAfter(candidate.rank())) {
            at++;
        }
        inserted.add(at, candidate);
        return inserted;
    }
}
