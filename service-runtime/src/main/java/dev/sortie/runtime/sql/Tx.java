package dev.sortie.runtime.sql;

import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.type.v1.ErrorReason;
import io.vertx.core.Future;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * A transaction under way. What is noted on it (changes, audit rows, the answer to an idempotent request) is written
 * with the commit, in the same round trip. Belongs to one thread and ends with the work it was given to.
 */
public final class Tx implements Queries {
    // A transaction may change a resource after one with a later id did and committed. The log is read in the order of
    // (xid, seq), so the row takes the place of the newest transaction that has ended by now, when that is later than
    // its own: whatever this transaction saw then stands before it. It is never earlier than its own, which is what
    // keeps it from being read past before it is committed. seq is given while the rows of the resources are locked.
    private static final String LOG_CHANGES = """
            INSERT INTO change_log (xid, resource_type, resource_id, kind, version, actor, attributes, change_time)
            SELECT (SELECT greatest(
                       pg_current_xact_id(),
                       (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)::text::xid8)),
                   c.resource_type, c.resource_id, c.kind, c.version, c.actor, c.attributes::jsonb, $7::timestamptz
            FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[])
                 WITH ORDINALITY AS c (resource_type, resource_id, kind, version, attributes, actor, position)
            ORDER BY c.position
            """;
    private static final String LOG_AUDIT = """
            INSERT INTO audit_log (audit_time, user_id, acting_for, credential_id, action, resource_type, resource_id, detail)
            VALUES ($1::timestamptz, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::text, $7::uuid, $8::text::jsonb)
            """;
    // Taken before the lookup, so that of two equal requests the second sees what the first did.
    private static final String LOCK_REQUEST =
            "SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text || $3::text, 0))::text";
    private static final String FIND_REQUEST = """
            SELECT request_hash, response FROM idempotency_keys
            WHERE principal = $1::text AND method = $2::text AND request_id = $3::uuid
            """;
    private static final String RECORD_REQUEST = """
            INSERT INTO idempotency_keys (principal, method, request_id, request_hash, response, create_time)
            VALUES ($1::text, $2::text, $3::uuid, $4::bytea, $5::bytea, $6::timestamptz)
            """;
    // The same for many, in one order for everybody.
    private static final String LOCK_REQUESTS = """
            SELECT pg_advisory_xact_lock(k.hash)::text
            FROM (
                SELECT DISTINCT hashtextextended(r.principal || r.method || r.request_id, 0) AS hash
                FROM unnest($1::text[], $2::text[], $3::text[]) AS r (principal, method, request_id)
                ORDER BY 1
            ) k
            """;
    private static final String FIND_REQUESTS = """
            SELECT r.position, i.request_hash, i.response
            FROM unnest($1::text[], $2::text[], $3::uuid[])
                WITH ORDINALITY AS r (principal, method, request_id, position)
            JOIN idempotency_keys i
              ON i.principal = r.principal AND i.method = r.method AND i.request_id = r.request_id
            """;
    private static final String RECORD_REQUESTS = """
            INSERT INTO idempotency_keys (principal, method, request_id, request_hash, response, create_time)
            SELECT r.principal, r.method, r.request_id, r.request_hash, r.response, $6::timestamptz
            FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bytea[], $5::bytea[])
                AS r (principal, method, request_id, request_hash, response)
            """;
    private static final int MAX_ATTRIBUTE_BYTES = 8 * 1024;

    private final SqlConnection connection;
    private final Principal principal;
    private final Instant now;
    private final Database.StatementListener statements;
    private final List<Change> changes = new ArrayList<>();
    private final List<String> actors = new ArrayList<>();
    private final List<Runnable> afterCommit = new ArrayList<>();
    private final List<Future<?>> unawaited = new ArrayList<>();
    private @Nullable Throwable broken;
    private boolean logged;
    private boolean waiting;
    private boolean open = true;

    Tx(SqlConnection connection, Principal principal, Instant now, Database.StatementListener statements) {
        this.connection = connection;
        this.principal = principal;
        this.now = now;
        this.statements = statements;
    }

    @Override
    public <T> List<T> list(String sql, Function<Row, T> mapper, @Nullable Object... parameters) {
        var rows = execute(sql, parameters);
        var mapped = new ArrayList<T>(rows.size());
        for (var row : rows) {
            mapped.add(mapper.apply(row));
        }
        return mapped;
    }

    @Override
    public <T> Optional<T> find(String sql, Function<Row, T> mapper, @Nullable Object... parameters) {
        var iterator = execute(sql, parameters).iterator();
        return iterator.hasNext() ? Optional.of(mapper.apply(iterator.next())) : Optional.empty();
    }

    @Override
    public int update(String sql, @Nullable Object... parameters) {
        return execute(sql, parameters).rowCount();
    }

    @Override
    public Instant now() {
        return now;
    }

    @Override
    public Principal principal() {
        return principal;
    }

    /**
     * Sends a statement without waiting for its answer: it runs before the next one, and the transaction fails if it
     * does. For writes whose outcome nothing depends on.
     */
    public void send(String sql, @Nullable Object... parameters) {
        checkOpen();
        statements.onStatement(principal, sql, parameters);
        unawaited.add(connection.preparedQuery(sql).execute(Rows.parameters(parameters)));
    }

    /** Notes a change, to be written to the change log with the commit, in the order of the notes. */
    public void change(Change change) {
        change(change, principal);
    }

    /** Notes a change that one of several callers made who share the transaction. */
    public void change(Change change, Principal by) {
        checkOpen();
        changes.add(change);
        actors.add(by.actor());
    }

    /**
     * Writes to the audit log who did this.
     *
     * @param action what was done, such as {@code RevealResourceCredential}
     * @param detail what an auditor needs to know; never a secret
     */
    public void audit(String action, String resourceType, @Nullable UUID resourceId, Map<String, Object> detail) {
        send(
                LOG_AUDIT,
                now,
                principal.userId(),
                principal.actingFor(),
                principal.credentialId(),
                action,
                resourceType,
                resourceId,
                new JsonObject(detail).encode());
    }

    /**
     * Runs something once the transaction is committed, and never otherwise, on the same thread. What it throws is
     * logged and changes nothing. It may be lost when the process ends: it may wake somebody, not be the only way.
     */
    public void afterCommit(Runnable action) {
        afterCommit.add(action);
    }

    /**
     * Takes an idempotency key until the end of the transaction.
     *
     * @return what was answered to the same request before, or empty when this is the first time
     * @throws dev.sortie.runtime.failure.FailureException ALREADY_EXISTS when the key was used for another request
     */
    public Optional<byte[]> claim(IdempotencyKey key) {
        var id = key.requestId();
        send(LOCK_REQUEST, key.principal(), key.method(), id.toString());
        return find(
                FIND_REQUEST,
                row -> {
                    if (!Arrays.equals(Rows.bytes(row, "request_hash"), key.requestHash())) {
                        throw reused(id);
                    }
                    return Rows.bytes(row, "response");
                },
                key.principal(),
                key.method(),
                id);
    }

    /**
     * What is known of a request that was made before: its answer, or that it was another one.
     *
     * @param response null when it was another one
     * @param refusal null when it was the same
     */
    record Earlier(byte @Nullable [] response, @Nullable FailureException refusal) {}

    /**
     * Takes many idempotency keys, no two of them the same, until the end of the transaction.
     *
     * @return in their order, what is known of each; null the first time
     */
    List<@Nullable Earlier> claimAll(List<IdempotencyKey> keys) {
        var principals = keys.stream().map(IdempotencyKey::principal).toList();
        var methods = keys.stream().map(IdempotencyKey::method).toList();
        send(
                LOCK_REQUESTS,
                principals,
                methods,
                keys.stream().map(key -> key.requestId().toString()).toList());
        var known = new ArrayList<@Nullable Earlier>(Collections.nCopies(keys.size(), null));
        list(
                FIND_REQUESTS,
                row -> {
                    int position = (int) (row.getLong("position") - 1);
                    var key = keys.get(position);
                    known.set(
                            position,
                            Arrays.equals(Rows.bytes(row, "request_hash"), key.requestHash())
                                    ? new Earlier(Rows.bytes(row, "response"), null)
                                    : new Earlier(null, reused(key.requestId())));
                    return position;
                },
                principals,
                methods,
                keys.stream().map(IdempotencyKey::requestId).toList());
        return known;
    }

    /** Keeps the answers to claimed requests, for the next time they are made. */
    void answerAll(List<IdempotencyKey> keys, List<byte[]> responses) {
        if (!keys.isEmpty()) {
            send(
                    RECORD_REQUESTS,
                    keys.stream().map(IdempotencyKey::principal).toList(),
                    keys.stream().map(IdempotencyKey::method).toList(),
                    keys.stream().map(IdempotencyKey::requestId).toList(),
                    keys.stream().map(IdempotencyKey::requestHash).toList(),
                    responses,
                    now);
        }
    }

    private static FailureException reused(UUID id) {
        return Failure.alreadyExists(
                        ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
                        "request_id %s was used for another request; use a new one",
                        id)
                .with("request_id", id)
                .exception();
    }

    /** Keeps the answer to a claimed request, for the next time it is made. */
    public void answer(IdempotencyKey key, byte[] response) {
        send(RECORD_REQUEST, key.principal(), key.method(), key.requestId(), key.requestHash(), response, now);
    }

    void begin(String sql) {
        unawaited.add(connection.query(sql).execute());
    }

    /**
     * Writes the changes noted so far to the log now rather than with the commit, for a statement that has to come after
     * them.
     */
    public void logChanges() {
        if (changes.isEmpty()) {
            return;
        }
        int size = changes.size();
        var types = new String[size];
        var ids = new UUID[size];
        var kinds = new String[size];
        var versions = new Long[size];
        var attributes = new String[size];
        for (int i = 0; i < size; i++) {
            var change = changes.get(i);
            types[i] = change.resourceType();
            ids[i] = change.id();
            kinds[i] = change.kind().name();
            versions[i] = change.version();
            attributes[i] = new JsonObject(change.attributes()).encode();
            if (attributes[i].length() > MAX_ATTRIBUTE_BYTES) {
                throw new IllegalArgumentException(
                        "attributes of " + types[i] + ": " + attributes[i].length() + " (expected: <= 8192)");
            }
        }
        send(LOG_CHANGES, types, ids, kinds, versions, attributes, actors.toArray(String[]::new), now);
        changes.clear();
        actors.clear();
        logged = true;
    }

    /** @param sent run once the database has been told */
    void commit(Runnable sent) {
        checkWhole();
        open = false;
        var commit = connection.query("COMMIT").execute();
        sent.run();
        waiting = true;
        try {
            // A statement that failed turned COMMIT into a rollback, which is itself no failure.
            Database.await(commit);
            for (var earlier : unawaited) {
                Database.await(earlier);
            }
        } catch (Throwable failed) {
            throw SqlFailures.translate(failed);
        }
        waiting = false;
    }

    boolean hasChanges() {
        return logged;
    }

    /** True when the thread gave up while the database was at work. */
    boolean isWaiting() {
        return waiting;
    }

    void runAfterCommit() {
        for (var action : afterCommit) {
            try {
                action.run();
            } catch (RuntimeException failed) {
                LoggerFactory.getLogger(Tx.class).warn("an action after a commit failed", failed);
            }
        }
    }

    private RowSet<Row> execute(String sql, @Nullable Object... parameters) {
        checkOpen();
        checkWhole();
        statements.onStatement(principal, sql, parameters);
        var future = connection.preparedQuery(sql).execute(Rows.parameters(parameters));
        waiting = true;
        try {
            var rows = Database.await(future);
            waiting = false;
            return rows;
        } catch (TimeoutException late) {
            broken = late;
            throw SqlFailures.translate(late);
        } catch (Throwable failed) {
            waiting = false;
            // When an earlier statement failed, this one only says that the transaction is lost: tell the cause.
            broken = unawaited.stream()
                    .filter(Future::failed)
                    .map(Future::cause)
                    .findFirst()
                    .orElse(failed);
            throw SqlFailures.translate(broken);
        }
    }

    private void checkOpen() {
        if (!open) {
            throw new IllegalStateException("the transaction is over");
        }
    }

    /** A statement that failed has cost the transaction, even where somebody caught what it threw. */
    private void checkWhole() {
        if (broken != null) {
            throw SqlFailures.translate(broken);
        }
    }
}
