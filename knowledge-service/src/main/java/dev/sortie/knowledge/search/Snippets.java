package dev.sortie.knowledge.search;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the passages of a text that show best why it was found: those with the most, and the rarest, words of the
 * query, each further passage rather with words that the ones before do not have.
 */
final class Snippets {
    private static final int MAX_PASSAGES = 3;
    /** How long a passage is about, in UTF-16 units. */
    private static final int PASSAGE = 200;
    /** How far apart the words of one passage may be; the rest is for what stands around them. */
    private static final int SPAN = 140;
    /** How far a passage reaches back, at most, to begin with a sentence or line. */
    private static final int LEAD = 60;

    private static final double REPETITION = 0.1;
    private static final double SHOWN_BEFORE = 0.3;

    /** A word of the query in the text, in UTF-16 units, the end exclusive. */
    record Occurrence(int start, int end, int word) {}

    private record Passage(int start, int end, List<Occurrence> occurrences) {}

    private Snippets() {}

    /**
     * The passages, in the order of the text.
     *
     * @param found where words of the query stand in the text, in any order
     * @param weights how much each word of the query tells, by its number
     */
    static List<Snippet> of(String text, List<Occurrence> found, double[] weights) {
        var occurrences = inOrderWithoutOverlap(found);
        var passages = new ArrayList<Passage>();
        var shown = new boolean[weights.length];
        while (passages.size() < MAX_PASSAGES) {
            var best = best(text, occurrences, weights, shown, passages);
            if (best == null) {
                break;
            }
            best.occurrences.forEach(occurrence -> shown[occurrence.word] = true);
            passages.add(best);
        }
        passages.sort(Comparator.comparingInt(Passage::start));
        return passages.stream().map(passage -> snippet(text, passage)).toList();
    }

    private static List<Occurrence> inOrderWithoutOverlap(List<Occurrence> found) {
        var sorted = new ArrayList<>(found);
        sorted.sort(Comparator.comparingInt(Occurrence::start)
                .thenComparing(Comparator.comparingInt(Occurrence::end).reversed()));
        var kept = new ArrayList<Occurrence>(sorted.size());
        int end = 0;
        for (var occurrence : sorted) {
            if (occurrence.start >= end) {
                kept.add(occurrence);
                end = occurrence.end;
            }
        }
        return kept;
    }

    private static @Nullable Passage best(
            String text, List<Occurrence> occurrences, double[] weights, boolean[] shown, List<Passage> taken) {
        double bestScore = 0;
        Passage best = null;
        var seen = new boolean[weights.length];
        for (int first = 0; first < occurrences.size(); first++) {
            int start = occurrences.get(first).start;
            int limit = limit(start, occurrences.get(first).end, text.length(), taken);
            if (limit < 0) {
                continue;
            }
            Arrays.fill(seen, false);
            double score = 0;
            int after = first;
            for (; after < occurrences.size(); after++) {
                var occurrence = occurrences.get(after);
                if (after > first && occurrence.end > Math.min(limit, start + SPAN)) {
                    break;
                }
                double weight = weights[occurrence.word];
                score += seen[occurrence.word]
                        ? weight * REPETITION
                        : shown[occurrence.word] ? weight * SHOWN_BEFORE : weight;
                seen[occurrence.word] = true;
            }
            if (score > bestScore) {
                bestScore = score;
                best = new Passage(start, limit, occurrences.subList(first, after));
            }
        }
        return best == null ? null : widen(text, best, taken);
    }

    /** Up to where a passage may reach that begins there; negative when another one has the place. */
    private static int limit(int start, int end, int length, List<Passage> taken) {
        int limit = length;
        for (var passage : taken) {
            if (start < passage.end && end > passage.start) {
                return -1;
            }
            if (passage.start >= end) {
                limit = Math.min(limit, passage.start);
            }
        }
        return limit;
    }

    /** Adds what stands around the words: from the beginning of the sentence or line where it is near, in whole words. */
    private static Passage widen(String text, Passage core, List<Passage> taken) {
        int floor = taken.stream()
                .mapToInt(Passage::end)
                .filter(end -> end <= core.start)
                .max()
                .orElse(0);
        int first = core.start;
        int last = core.occurrences.getLast().end;
        int lead = Math.max(floor, first - Math.min(LEAD, Math.max(0, PASSAGE - (last - first))));
        int start = beginning(text, lead, first);
        int end = ending(text, last, Math.min(core.end, Math.max(last, start + PASSAGE)));
        return new Passage(start, end, core.occurrences);
    }

    private static int beginning(String text, int from, int to) {
        int word = from == 0 ? 0 : -1;
        for (int i = to - 1; i >= Math.max(from, 1); i--) {
            char before = text.charAt(i - 1);
            if (before == '\n' || (Character.isWhitespace(text.charAt(i)) && ".!?".indexOf(before) >= 0)) {
                word = i;
                break;
            }
            if (Character.isWhitespace(before)) {
                word = i;
            }
        }
        int start = word < 0 ? onCodePoint(text, from) : word;
        while (start < to && Character.isWhitespace(text.charAt(start))) {
            start++;
        }
        return start;
    }

    private static int ending(String text, int from, int to) {
        int end = to;
        if (to < text.length()) {
            while (end > from && !Character.isWhitespace(text.charAt(end))) {
                end--;
            }
            if (end == from) {
                end = onCodePoint(text, to);
            }
        }
        while (end > from && Character.isWhitespace(text.charAt(end - 1))) {
            end--;
        }
        return end;
    }

    private static int onCodePoint(String text, int index) {
        boolean inside = index > 0
                && index < text.length()
                && Character.isLowSurrogate(text.charAt(index))
                && Character.isHighSurrogate(text.charAt(index - 1));
        return inside ? index + 1 : index;
    }

    private static Snippet snippet(String text, Passage passage) {
        var highlights = new ArrayList<Snippet.Highlight>(passage.occurrences.size());
        int point = 0;
        int unit = passage.start;
        for (var occurrence : passage.occurrences) {
            int start = point + text.codePointCount(unit, occurrence.start);
            int end = start + text.codePointCount(occurrence.start, occurrence.end);
            highlights.add(new Snippet.Highlight(start, end));
            point = end;
            unit = occurrence.end;
        }
        return new Snippet(text.substring(passage.start, passage.end), highlights);
    }
}
