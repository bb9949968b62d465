package dev.sortie.agent.store;

import dev.sortie.agent.domain.ClaimTokens;
import dev.sortie.agent.domain.LogLine;
import dev.sortie.agent.domain.Logs;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Lines of executions as they are stored. Those that come after all lines that are there become chunks, a row for many;
 * the others, sent again or out of order, are looked up and have a row for each. So have those of a message with the
 * character that stands between texts here.
 */
public final class LogAppendStore {
    // What is read at once for a page or a message, hence no more than a few of them fill it.
    private static final int MAX_CHUNK = 256 * 1024;
    private static final long NEVER_NEXT = 0;
    // Between the texts of a chunk on their way to the database, as one text: to cut an array of all texts into chunks,
    // PostgreSQL goes through what is before each of them.
    private static final char SEPARATOR = 30;

    // The lock of a claim is held to the commit: the end of a claim waits for lines that are being stored, so that once
    // an execution has ended all its lines can be read; and what comes together becomes visible in its order. It is
    // taken by a statement of its own, for the next one to see what those have stored who had it before. Who has a
    // claim has it from before it can be named here to its end, whatever becomes of its lease meanwhile.
    private static final String LOCK = """
            SELECT s.work_order_id
            FROM unnest($1::uuid[], $2::bytea[]) AS a (execution_id, claim_hash)
            JOIN work_order_states s ON s.execution_id = a.execution_id AND s.claim_hash = a.claim_hash
            WHERE s.status = 'CLAIMED'
            ORDER BY s.work_order_id
            FOR NO KEY UPDATE OF s
            """;
    // The range of the executions tells PostgreSQL, before it begins, of which days it need not open the tables.
    private static final String STORE = """
            WITH held AS MATERIALIZED (
                SELECT a.n, s.execution_id,
                    a.first_sequence > greatest(
                        0,
                        (SELECT max(c.last_sequence) FROM execution_log_chunks c
                         WHERE c.execution_id = s.execution_id AND c.execution_id BETWEEN $5::uuid AND $6::uuid),
                        (SELECT max(l.sequence) FROM execution_logs l
                         WHERE l.execution_id = s.execution_id AND l.execution_id BETWEEN $5::uuid AND $6::uuid)
                    ) AS is_next
                FROM unnest($1::integer[], $2::uuid[], $3::bytea[], $4::bigint[])
                    AS a (n, execution_id, claim_hash, first_sequence)
                JOIN work_order_states s ON s.execution_id = a.execution_id AND s.claim_hash = a.claim_hash
                WHERE s.status = 'CLAIMED' AND s.lease_expires_at > $7::timestamptz
            ), stored AS (
                INSERT INTO execution_log_chunks (execution_id, batch, first_sequence, last_sequence, line_count,
                    byte_count, sequences, levels, messages, metadata, logged_at)
                SELECT h.execution_id, nextval('execution_log_batches_seq'), c.first_sequence, c.last_sequence,
                    c.last_line - c.first_line + 1, c.byte_count,
                    CASE WHEN c.has_gaps THEN ($18::bigint[])[c.first_line:c.last_line] END,
                    string_to_array(c.levels, chr(30)),
                    CASE c.messages WHEN '' THEN ARRAY[''] ELSE string_to_array(c.messages, chr(30)) END,
                    string_to_array(c.metadata, chr(30), '')::jsonb[],
                    ($19::timestamptz[])[c.first_line:c.last_line]
                FROM unnest($8::integer[], $9::integer[], $10::integer[], $11::bigint[], $12::bigint[], $13::integer[],
                        $14::boolean[], $15::text[], $16::text[], $17::text[])
                    AS c (n, first_line, last_line, first_sequence, last_sequence, byte_count, has_gaps, levels,
                        messages, metadata)
                JOIN held h ON h.n = c.n
                WHERE h.is_next
                ORDER BY c.first_line
            )
            SELECT h.n, h.is_next FROM held h
            """;
    // After the statement above, in its transaction: the claims are held and current.
    private static final String STORE_LATE = """
            WITH claims AS MATERIALIZED (
                SELECT a.n, a.execution_id, nextval('execution_log_batches_seq') AS batch
                FROM unnest($1::integer[], $2::uuid[]) AS a (n, execution_id)
            ), stored AS (
                INSERT INTO execution_logs (execution_id, sequence, level, message, metadata, logged_at, batch)
                SELECT c.execution_id, l.sequence, l.level, l.message, l.metadata::jsonb, l.logged_at, c.batch
                FROM unnest($3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
                    AS l (n, sequence, level, message, metadata, logged_at)
                JOIN claims c ON c.n = l.n
                WHERE NOT EXISTS (
                    SELECT FROM (
                        SELECT f.first_sequence, f.sequences FROM execution_log_chunks f
                        WHERE f.execution_id = c.execution_id AND f.last_sequence >= l.sequence
                        ORDER BY f.last_sequence LIMIT 1
                    ) k
                    WHERE k.first_sequence <= l.sequence
                      AND (k.sequences IS NULL OR l.sequence = ANY (k.sequences))
                )
                ON CONFLICT (execution_id, sequence) DO NOTHING
                RETURNING batch, sequence
            ), counted AS (
                SELECT t.batch, min(t.sequence) AS first_sequence, max(t.sequence) AS last_sequence,
                    count(*)::integer AS line_count
                FROM stored t GROUP BY t.batch
            ), noted AS (
                INSERT INTO execution_log_batches (execution_id, batch, first_sequence, last_sequence, line_count)
                SELECT c.execution_id, b.batch, b.first_sequence, b.last_sequence, b.line_count
                FROM counted b JOIN claims c ON c.batch = b.batch
            )
            SELECT c.n, coalesce(b.line_count, 0) AS stored FROM claims c LEFT JOIN counted b ON b.batch = c.batch
            """;

    /**
     * Stores lines, those left out whose numbers are there.
     *
     * @return how many were stored of each; null where the claim is not current
     */
    public List<@Nullable Integer> append(Tx tx, List<Logs.Append> appends) {
        var numbers = new Integer[appends.size()];
        var executionIds = new UUID[appends.size()];
        var hashes = new byte[appends.size()][];
        var firsts = new Long[appends.size()];
        var inOrder = new ArrayList<Integer>();
        var reached = new HashMap<UUID, Long>();
        for (int i = 0; i < appends.size(); i++) {
            var append = appends.get(i);
            var lines = append.lines();
            numbers[i] = i;
            executionIds[i] = append.executionId();
            hashes[i] = ClaimTokens.hash(append.claimToken());
            firsts[i] = NEVER_NEXT;
            if (!lines.isEmpty()) {
                long first = lines.getFirst().sequence();
                if (first > reached.getOrDefault(append.executionId(), 0L) && !hasSeparator(lines)) {
                    firsts[i] = first;
                    inOrder.add(i);
                }
                reached.merge(append.executionId(), lines.getLast().sequence(), Math::max);
            }
        }
        tx.send(LOCK, executionIds, hashes);
        var isNext = store(tx, numbers, executionIds, hashes, firsts, new Chunks(appends, inOrder, tx.now()));
        var stored = new @Nullable Integer[appends.size()];
        var late = new ArrayList<Integer>();
        for (int i = 0; i < stored.length; i++) {
            var next = isNext[i];
            if (next != null) {
                stored[i] = next ? appends.get(i).lines().size() : 0;
                if (!next && !appends.get(i).lines().isEmpty()) {
                    late.add(i);
                }
            }
        }
        if (!late.isEmpty()) {
            storeLate(tx, appends, late).forEach((i, count) -> stored[i] = count);
        }
        return Arrays.asList(stored);
    }

    /** By append: whether it came next and was stored; null where the claim is not current. */
    private static @Nullable Boolean[] store(
            Tx tx, Integer[] numbers, UUID[] executionIds, byte[][] hashes, Long[] firsts, Chunks chunks) {
        var isNext = new @Nullable Boolean[numbers.length];
        tx.list(
                        STORE,
                        row -> Map.entry(row.getInteger("n"), row.getBoolean("is_next")),
                        numbers,
                        executionIds,
                        hashes,
                        firsts,
                        Arrays.stream(executionIds).min(LogAppendStore::compare).orElseThrow(),
                        Arrays.stream(executionIds).max(LogAppendStore::compare).orElseThrow(),
                        tx.now(),
                        chunks.numbers.toArray(Integer[]::new),
                        chunks.firstLines.toArray(Integer[]::new),
                        chunks.lastLines.toArray(Integer[]::new),
                        chunks.firstSequences.toArray(Long[]::new),
                        chunks.lastSequences.toArray(Long[]::new),
                        chunks.byteCounts.toArray(Integer[]::new),
                        chunks.haveGaps.toArray(Boolean[]::new),
                        chunks.levels.toArray(String[]::new),
                        chunks.messages.toArray(String[]::new),
                        chunks.metadata.toArray(String[]::new),
                        chunks.haveGaps.contains(true) ? chunks.lines.sequences : null,
                        chunks.lines.times)
                .forEach(entry -> isNext[entry.getKey()] = entry.getValue());
        return isNext;
    }

    private static Map<Integer, Integer> storeLate(Tx tx, List<Logs.Append> appends, List<Integer> late) {
        var lines = new Columns(appends, late, tx.now());
        var stored = new HashMap<Integer, Integer>();
        tx.list(
                        STORE_LATE,
                        row -> Map.entry(row.getInteger("n"), row.getInteger("stored")),
                        late,
                        late.stream().map(i -> appends.get(i).executionId()).toList(),
                        lines.numbers,
                        lines.sequences,
                        lines.levels,
                        lines.messages,
                        lines.metadata,
                        lines.times)
                .forEach(entry -> stored.put(entry.getKey(), entry.getValue()));
        return stored;
    }

    /** Of levels there is none, and JSON does not have control characters. */
    private static boolean hasSeparator(List<LogLine> lines) {
        for (var line : lines) {
            if (line.message().indexOf(SEPARATOR) >= 0) {
                return true;
            }
        }
        return false;
    }

    /** As PostgreSQL compares them: by their bytes. */
    private static int compare(UUID one, UUID other) {
        int high = Long.compareUnsigned(one.getMostSignificantBits(), other.getMostSignificantBits());
        return high != 0 ? high : Long.compareUnsigned(one.getLeastSignificantBits(), other.getLeastSignificantBits());
    }

    /** Lines, by columns. */
    private static final class Columns {
        private final Integer[] numbers;
        private final Long[] sequences;
        private final String[] levels;
        private final String[] messages;
        private final @Nullable String[] metadata;
        private final Instant[] times;

        Columns(List<Logs.Append> appends, List<Integer> some, Instant now) {
            int count =
                    some.stream().mapToInt(i -> appends.get(i).lines().size()).sum();
            numbers = new Integer[count];
            sequences = new Long[count];
            levels = new String[count];
            messages = new String[count];
            metadata = new @Nullable String[count];
            times = new Instant[count];
            int next = 0;
            for (var i : some) {
                for (var line : appends.get(i).lines()) {
                    var time = line.loggedAt();
                    numbers[next] = i;
                    sequences[next] = line.sequence();
                    levels[next] = line.level().name();
                    messages[next] = line.message();
                    metadata[next] = line.metadata();
                    times[next] = time == null ? now : time;
                    next++;
                }
            }
        }
    }

    /** Lines, and which of them go into one row. */
    private static final class Chunks {
        private final Columns lines;
        private final List<Integer> numbers = new ArrayList<>();
        private final List<Integer> firstLines = new ArrayList<>();
        private final List<Integer> lastLines = new ArrayList<>();
        private final List<Long> firstSequences = new ArrayList<>();
        private final List<Long> lastSequences = new ArrayList<>();
        private final List<Integer> byteCounts = new ArrayList<>();
        private final List<Boolean> haveGaps = new ArrayList<>();
        private final List<String> levels = new ArrayList<>();
        private final List<String> messages = new ArrayList<>();
        private final List<@Nullable String> metadata = new ArrayList<>();

        Chunks(List<Logs.Append> appends, List<Integer> some, Instant now) {
            lines = new Columns(appends, some, now);
            int first = 0;
            int weight = 0;
            for (int i = 0; i < lines.sequences.length; i++) {
                var fields = lines.metadata[i];
                int adds = lines.messages[i].length() + (fields == null ? 0 : fields.length());
                if (i > first && (!lines.numbers[i].equals(lines.numbers[first]) || weight + adds > MAX_CHUNK)) {
                    add(first, i - 1, weight);
                    first = i;
                    weight = 0;
                }
                weight += adds;
            }
            if (lines.sequences.length > 0) {
                add(first, lines.sequences.length - 1, weight);
            }
        }

        private void add(int first, int last, int weight) {
            numbers.add(lines.numbers[first]);
            firstLines.add(first + 1); // as PostgreSQL counts them
            lastLines.add(last + 1);
            firstSequences.add(lines.sequences[first]);
            lastSequences.add(lines.sequences[last]);
            byteCounts.add(weight);
            haveGaps.add(lines.sequences[last] - lines.sequences[first] != last - first);
            levels.add(joined(lines.levels, first, last, 8 * (last - first + 1)));
            messages.add(joined(lines.messages, first, last, weight + last - first));
            boolean hasMetadata = false;
            for (int i = first; i <= last; i++) {
                hasMetadata |= lines.metadata[i] != null;
            }
            metadata.add(hasMetadata ? joined(lines.metadata, first, last, weight) : null);
        }

        /** Some texts as one; what is null is empty. */
        private static String joined(@Nullable String[] texts, int first, int last, int length) {
            var joined = new StringBuilder(length);
            for (int i = first; i <= last; i++) {
                if (i > first) {
                    joined.append(SEPARATOR);
                }
                var text = texts[i];
                if (text != null) {
                    joined.append(text);
                }
            }
            return joined.toString();
        }
    }
}
