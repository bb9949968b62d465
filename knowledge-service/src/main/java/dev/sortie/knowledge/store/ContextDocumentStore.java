package dev.sortie.knowledge.store;

import dev.sortie.knowledge.domain.ContextDocument;
import dev.sortie.knowledge.domain.DocumentChanges;
import dev.sortie.knowledge.domain.DocumentDraft;
import dev.sortie.knowledge.domain.DocumentFilter;
import dev.sortie.knowledge.domain.DocumentType;
import dev.sortie.knowledge.domain.DocumentVersion;
import dev.sortie.runtime.change.Cursor;
import dev.sortie.runtime.change.Position;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The tables {@code context_documents} and {@code context_document_versions}. */
public final class ContextDocumentStore {
    /** The most documents that {@link #batch} and {@link #batchAfter} read at once, and about the most of their content. */
    static final int BATCH_DOCUMENTS = 200;

    static final int BATCH_BYTES = 8 * 1024 * 1024;

    private static final String WITHOUT_CONTENT = """
            id, title, document_type, '' AS content, repository_url, tags, metadata::text AS metadata, created_by,
            created_at, updated_at, deleted_at, version_number, version""";
    private static final String WHOLE = WITHOUT_CONTENT.replace("'' AS content", "content");

    // One statement writes the document and its version.
    private static final String CREATE = """
            WITH document AS (
                INSERT INTO context_documents (id, title, document_type, content, repository_url, tags, metadata,
                                               created_by, created_at, updated_at)
                VALUES ($1::uuid, $2::text, $3::text, $4::text, nullif($5::text, ''), $6::text[], $7::text::jsonb,
                        $8::uuid, $9::timestamptz, $9::timestamptz)
                RETURNING id, title, document_type, content, repository_url, tags, metadata, created_by,
                          created_at, updated_at, deleted_at, version_number, version),
            first_version AS (
                INSERT INTO context_document_versions (context_document_id, version_number, title, document_type,
                                                       content, repository_url, tags, metadata, author_id, created_at)
                SELECT id, version_number, title, document_type, content, repository_url, tags, metadata, created_by,
                       created_at
                FROM document)
            SELECT %s FROM document
            """.formatted(WHOLE);

    private static final String FIND = "SELECT %s FROM context_documents WHERE id = $1::uuid".formatted(WHOLE);

    private static final String LOCK =
            "SELECT id, created_by, deleted_at, version FROM context_documents WHERE id = $1::uuid FOR UPDATE";

    private static final String IS_VISIBLE =
            "SELECT id FROM context_documents WHERE id = $1::uuid AND deleted_at IS NULL";

    // Null leaves a field as it is. Writes nothing, and returns nothing, when nothing differs.
    private static final String UPDATE = """
            WITH wanted AS (
                SELECT coalesce($2::text, d.title) AS title,
                       coalesce($3::text, d.document_type) AS document_type,
                       coalesce($4::text, d.content) AS content,
                       nullif(coalesce($5::text, d.repository_url), '') AS repository_url,
                       coalesce($6::text[], d.tags) AS tags,
                       coalesce($7::text::jsonb, d.metadata) AS metadata
                FROM context_documents d
                WHERE d.id = $1::uuid),
            document AS (
                UPDATE context_documents d
                SET title = w.title, document_type = w.document_type, content = w.content,
                    repository_url = w.repository_url, tags = w.tags, metadata = w.metadata,
                    updated_at = $9::timestamptz, version_number = d.version_number + 1, version = d.version + 1
                FROM wanted w
                WHERE d.id = $1::uuid
                  AND (d.title, d.document_type, d.content, d.repository_url, d.tags, d.metadata)
                      IS DISTINCT FROM (w.title, w.document_type, w.content, w.repository_url, w.tags, w.metadata)
                RETURNING d.id, d.title, d.document_type, d.content, d.repository_url, d.tags, d.metadata,
                          d.created_by, d.created_at, d.updated_at, d.deleted_at, d.version_number, d.version),
            new_version AS (
                INSERT INTO context_document_versions (context_document_id, version_number, title, document_type,
                                                       content, repository_url, tags, metadata, author_id, created_at)
                SELECT id, version_number, title, document_type, content, repository_url, tags, metadata, $8::uuid,
                       updated_at
                FROM document)
            SELECT %s FROM document
            """.formatted(WHOLE);

    private static final String RESTORE = """
            WITH document AS (
                UPDATE context_documents d
                SET title = v.title, document_type = v.document_type, content = v.content,
                    repository_url = v.repository_url, tags = v.tags, metadata = v.metadata,
                    updated_at = $4::timestamptz, version_number = d.version_number + 1, version = d.version + 1
                FROM context_document_versions v
                WHERE d.id = $1::uuid AND v.context_document_id = $1::uuid AND v.version_number = $2::int
                RETURNING d.id, d.title, d.document_type, d.content, d.repository_url, d.tags, d.metadata,
                          d.created_by, d.created_at, d.updated_at, d.deleted_at, d.version_number, d.version),
            new_version AS (
                INSERT INTO context_document_versions (context_document_id, version_number, title, document_type,
                                                       content, repository_url, tags, metadata, author_id,
                                                       restored_version, created_at)
                SELECT id, version_number, title, document_type, content, repository_url, tags, metadata, $3::uuid,
                       $2::int, updated_at
                FROM document)
            SELECT %s FROM document
            """.formatted(WHOLE);

    private static final String HIDE = """
            UPDATE context_documents
            SET deleted_at = $2::timestamptz, version = version + 1
            WHERE id = $1::uuid
            RETURNING %s
            """.formatted(WITHOUT_CONTENT);

    private static final String UNHIDE = """
            UPDATE context_documents
            SET deleted_at = NULL, version = version + 1
            WHERE id = $1::uuid
            RETURNING %s
            """.formatted(WHOLE);

    private static final String PURGE =
            "DELETE FROM context_documents WHERE id = $1::uuid RETURNING %s".formatted(WITHOUT_CONTENT);

    private static final String PURGE_DELETED_BEFORE = """
            WITH due AS (
                SELECT id FROM context_documents WHERE deleted_at < $1::timestamptz
                ORDER BY deleted_at LIMIT $2::int FOR UPDATE SKIP LOCKED)
            DELETE FROM context_documents d USING due WHERE d.id = due.id
            RETURNING d.id, d.created_by, d.deleted_at, d.version
            """;

    private static final String VERSION_WITHOUT_CONTENT = """
            v.context_document_id, v.version_number, v.title, v.document_type, '' AS content, v.repository_url, v.tags,
            v.metadata::text AS metadata, v.author_id, v.restored_version, v.created_at""";

    private static final String LIST_VERSIONS = """
            SELECT %s FROM context_document_versions v
            WHERE v.context_document_id = $1::uuid AND v.version_number < $2::int
            ORDER BY v.version_number DESC
            LIMIT $3::int
            """.formatted(VERSION_WITHOUT_CONTENT);

    private static final String FIND_VERSION =
            """
            SELECT %s FROM context_document_versions v
            JOIN context_documents d ON d.id = v.context_document_id AND d.deleted_at IS NULL
            WHERE v.context_document_id = $1::uuid AND v.version_number = $2::int
            """.formatted(VERSION_WITHOUT_CONTENT.replace("'' AS content", "v.content"));

    // What a transaction notes in the change log stands at its own id or at that of the newest transaction that had
    // ended,
    // whichever is greater; asked after it was noted, or after the row of the document was locked, this is no less.
    private static final String REVISION = """
            SELECT epoch,
                   greatest(
                       pg_current_xact_id(),
                       (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)::text::xid8)::text AS xid
            FROM change_epoch
            """;

    // Cut by the size of what it would return, so that a batch of the longest documents fits into memory as well. The
    // first one is returned whatever its size.
    private static final String BATCH = """
            SELECT %s, size
            FROM (SELECT c.id, c.title, c.document_type, c.content, c.repository_url, c.tags, c.metadata, c.created_by,
                         c.created_at, c.updated_at, c.deleted_at, c.version_number, c.version,
                         octet_length(c.content)::bigint AS size,
                         sum(octet_length(c.content)) OVER (ORDER BY c.id) AS total
                  FROM (SELECT id, title, document_type, content, repository_url, tags, metadata, created_by,
                               created_at, updated_at, deleted_at, version_number, version
                        FROM context_documents
                        WHERE %s AND deleted_at IS NULL
                        ORDER BY id
                        LIMIT $2::int) c) b
            WHERE b.total - b.size < $3::bigint
            ORDER BY b.id
            """;
    private static final String BATCH_AFTER = BATCH.formatted(WHOLE, "id > $1::uuid");
    private static final String BATCH_OF = BATCH.formatted(WHOLE, "id = ANY($1::uuid[])");

    /** What decides whether a write may go on; the row stays locked until the transaction ends. */
    public record Head(
            UUID id, @Nullable UUID createdBy, @Nullable Instant deletedAt, long version) {}

    /**
     * Documents that are not hidden, in the order of their ids.
     *
     * @param complete whether these are all; otherwise the next batch follows the last of these
     */
    public record Batch(List<ContextDocument> documents, boolean complete) {}

    private record Sized(ContextDocument document, long size) {}

    /** Writes a new document and its first version. */
    public ContextDocument create(Tx tx, UUID id, DocumentDraft draft, UUID creator) {
        return tx.find(
                        CREATE,
                        ContextDocumentStore::document,
                        id,
                        draft.title(),
                        draft.type(),
                        draft.content(),
                        draft.repositoryUrl(),
                        draft.tags().toArray(String[]::new),
                        draft.metadata(),
                        creator,
                        tx.now())
                .orElseThrow();
    }

    /** A document, hidden or not. */
    public Optional<ContextDocument> find(Queries queries, UUID id) {
        return queries.find(FIND, ContextDocumentStore::document, id);
    }

    public boolean isVisible(Queries queries, UUID id) {
        return queries.find(IS_VISIBLE, row -> row.getUUID("id"), id).isPresent();
    }

    public Page<ContextDocument> list(Queries queries, DocumentFilter filter, PageRequest page) {
        var statement = new Statement();
        if (filter.type() != null) {
            statement.where("document_type = %s::text", filter.type());
        }
        if (!filter.repositoryUrl().isEmpty()) {
            statement.where("repository_url = %s::text", filter.repositoryUrl());
        }
        if (!filter.tag().isEmpty()) {
            statement.where("tags @> ARRAY[%s::text]", filter.tag());
        }
        if (!filter.showDeleted()) {
            statement.where("deleted_at IS NULL");
        }
        var after = page.after();
        if (after != null) {
            statement.where("(created_at, id) < (%s::timestamptz, %s::uuid)", after.instant(0), after.uuid(1));
        }
        var sql = statement.sql(
                "SELECT %s FROM context_documents".formatted(WITHOUT_CONTENT),
                "ORDER BY created_at DESC, id DESC LIMIT %s::int",
                page.limit());
        var documents = queries.list(sql, ContextDocumentStore::document, statement.parameters());
        return page.page(documents, document -> Keyset.of(document.createdAt(), document.id()));
    }

    /** Locks a document, hidden or not, until the end of the transaction. */
    public Optional<Head> lock(Tx tx, UUID id) {
        return tx.find(LOCK, ContextDocumentStore::head, id);
    }

    /** Writes new values and a version with them; empty, and nothing written, when nothing differs. */
    public Optional<ContextDocument> update(Tx tx, UUID id, DocumentChanges changes, UUID author) {
        var tags = changes.tags();
        return tx.find(
                UPDATE,
                ContextDocumentStore::document,
                id,
                changes.title(),
                changes.type(),
                changes.content(),
                changes.repositoryUrl(),
                tags == null ? null : tags.toArray(String[]::new),
                changes.metadata(),
                author,
                tx.now());
    }

    /** Writes the values of a version anew; empty when there is no such version. */
    public Optional<ContextDocument> restore(Tx tx, UUID id, int number, UUID author) {
        return tx.find(RESTORE, ContextDocumentStore::document, id, number, author, tx.now());
    }

    /** Hides a document that is locked. Returned without its content. */
    public ContextDocument hide(Tx tx, UUID id) {
        return tx.find(HIDE, ContextDocumentStore::document, id, tx.now()).orElseThrow();
    }

    /** Brings a document back that is locked. */
    public ContextDocument unhide(Tx tx, UUID id) {
        return tx.find(UNHIDE, ContextDocumentStore::document, id).orElseThrow();
    }

    /** Removes a document that is locked, with its versions. Returned as it was, without its content. */
    public ContextDocument purge(Tx tx, UUID id) {
        return tx.find(PURGE, ContextDocumentStore::document, id).orElseThrow();
    }

    /** Removes documents that were hidden before a time; ones that somebody else is at are left out. */
    public List<Head> purgeDeletedBefore(Tx tx, Instant time, int limit) {
        return tx.list(PURGE_DELETED_BEFORE, ContextDocumentStore::head, time, limit);
    }

    public Page<DocumentVersion> listVersions(Queries queries, UUID id, PageRequest page) {
        var after = page.after();
        var versions = queries.list(
                LIST_VERSIONS,
                ContextDocumentStore::version,
                id,
                after == null ? Integer.MAX_VALUE : (int) after.number(0),
                page.limit());
        return page.page(versions, version -> Keyset.of((long) version.number()));
    }

    /** A version of a document that is not hidden. */
    public Optional<DocumentVersion> findVersion(Queries queries, UUID id, int number) {
        return queries.find(FIND_VERSION, ContextDocumentStore::version, id, number);
    }

    /** A place in the change log behind everything that the transaction has noted so far, and has seen. */
    public Cursor revision(Tx tx) {
        tx.logChanges();
        return tx.find(
                        REVISION,
                        row -> new Cursor(
                                row.getUUID("epoch"),
                                new Position(Long.parseUnsignedLong(row.getString("xid")), Long.MAX_VALUE)))
                .orElseThrow();
    }

    /** Of the documents of the given ids, as many from the first one on as fit into memory. */
    public Batch batch(Queries queries, Collection<UUID> ids) {
        return batch(queries, BATCH_OF, ids.toArray(UUID[]::new));
    }

    /** As many documents as fit into memory, from the first one with an id greater than the given one on. */
    public Batch batchAfter(Queries queries, UUID id) {
        return batch(queries, BATCH_AFTER, id);
    }

    private static Batch batch(Queries queries, String sql, Object which) {
        var sized = queries.list(
                sql, row -> new Sized(document(row), row.getLong("size")), which, BATCH_DOCUMENTS, BATCH_BYTES);
        long total = sized.stream().mapToLong(Sized::size).sum();
        return new Batch(
                sized.stream().map(Sized::document).toList(), sized.size() < BATCH_DOCUMENTS && total < BATCH_BYTES);
    }

    private static ContextDocument document(Row row) {
        return new ContextDocument(
                row.getUUID("id"),
                row.getString("title"),
                Rows.value(row, "document_type", DocumentType.class),
                row.getString("content"),
                orEmpty(row.getString("repository_url")),
                Rows.strings(row, "tags"),
                row.getString("metadata"),
                row.getUUID("created_by"),
                row.getInteger("version_number"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                Rows.nullableInstant(row, "deleted_at"),
                row.getLong("version"));
    }

    private static DocumentVersion version(Row row) {
        var restored = row.getInteger("restored_version");
        return new DocumentVersion(
                row.getUUID("context_document_id"),
                row.getInteger("version_number"),
                row.getString("title"),
                Rows.value(row, "document_type", DocumentType.class),
                row.getString("content"),
                orEmpty(row.getString("repository_url")),
                Rows.strings(row, "tags"),
                row.getString("metadata"),
                row.getUUID("author_id"),
                restored == null ? 0 : restored,
                Rows.instant(row, "created_at"));
    }

    private static Head head(Row row) {
        return new Head(
                row.getUUID("id"),
                row.getUUID("created_by"),
                Rows.nullableInstant(row, "deleted_at"),
                row.getLong("version"));
    }

    private static String orEmpty(@Nullable String text) {
        return text == null ? "" : text;
    }

    /** A statement of fixed parts, so that each combination of filters has a plan, and may use an index, of its own. */
    private static final class Statement {
        private final List<String> conditions = new ArrayList<>();
        private final List<Object> parameters = new ArrayList<>();

        void where(String condition, Object... values) {
            conditions.add(numbered(condition, values));
        }

        String sql(String select, String orderAndLimit, Object... values) {
            var tail = numbered(orderAndLimit, values);
            var where = conditions.isEmpty() ? "" : " WHERE " + String.join(" AND ", conditions);
            return select + where + " " + tail;
        }

        Object[] parameters() {
            return parameters.toArray();
        }

        private String numbered(String part, Object... values) {
            var numbers = new Object[values.length];
            for (int i = 0; i < values.length; i++) {
                parameters.add(values[i]);
                numbers[i] = "$" + parameters.size();
            }
            return part.formatted(numbers);
        }
    }
}
