package dev.sortie.agent.domain;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Where somebody is who follows a log. What was there at first is told by number, what comes after that in the order in
 * which it came, whatever its number.
 *
 * @param byNumber true while telling what was there at first
 * @param batch by number: the last batch that was there at first; then: the batch that is being told
 * @param sequence the last line that was told: of those that were there at first, or of the batch
 */
public record LogPosition(boolean byNumber, long batch, long sequence) {
    private static final Pattern TEXT = Pattern.compile("([na])([0-9a-f]{1,16})\\.([0-9a-f]{1,16})");

    /** Where the lines begin that come after those that were there at first. */
    LogPosition afterThoseThatWereThere() {
        return new LogPosition(false, batch, Long.MAX_VALUE);
    }

    /** As a text that {@link #of} understands. */
    public String encode() {
        return (byNumber ? "n" : "a") + Long.toHexString(batch) + "." + Long.toHexString(sequence);
    }

    /** The position of a text; empty when it is none. */
    public static Optional<LogPosition> of(String text) {
        var match = TEXT.matcher(text);
        if (!match.matches()) {
            return Optional.empty();
        }
        long batch = Long.parseUnsignedLong(match.group(2), 16);
        long sequence = Long.parseUnsignedLong(match.group(3), 16);
        return batch < 0 || sequence < 0
                ? Optional.empty()
                : Optional.of(new LogPosition(match.group(1).equals("n"), batch, sequence));
    }
}
