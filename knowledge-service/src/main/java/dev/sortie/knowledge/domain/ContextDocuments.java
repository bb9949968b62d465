package dev.sortie.knowledge.domain;

import dev.sortie.knowledge.store.ContextDocumentStore;
import dev.sortie.runtime.change.Cursor;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import dev.sortie.type.v1.ErrorReason;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What can be done with documents. Writes lock the document first, so that of two at once the second sees what the first
 * did; each notes a change, which is what the search index follows.
 */
public final class ContextDocuments {
    /** The resource type of documents in the change log. */
    public static final String RESOURCE_TYPE = "context_document";

    private static final int PURGE_BATCH = 100;
    private static final Logger LOG = LoggerFactory.getLogger(ContextDocuments.class);

    private final ContextDocumentStore store;
    private final Ids ids;

    public ContextDocuments(ContextDocumentStore store, Ids ids) {
        this.store = store;
        this.ids = ids;
    }

    /**
     * What a write leads to.
     *
     * @param revision a search that has seen everything up to it has seen the write
     */
    public record Written(ContextDocument document, Cursor revision) {}

    /** Names a document. */
    public record Get(UUID id, boolean showDeleted) {}

    /** Asks for a page of documents. */
    public record ListDocuments(DocumentFilter filter, PageRequest page) {}

    /** Changes a document; the etag is empty where the caller does not mind which one it is. */
    public record Update(UUID id, String etag, DocumentChanges changes) {}

    /** Hides a document or, with {@code force}, removes it. */
    public record Delete(UUID id, String etag, boolean force) {}

    /** Brings a hidden document back. */
    public record Undelete(UUID id, String etag) {}

    /** Asks for a page of versions. */
    public record ListVersions(UUID id, PageRequest page) {}

    /** Names a version. */
    public record GetVersion(UUID id, int number) {}

    /** Goes back to a version. */
    public record Restore(UUID id, int number, String etag) {}

    public Written create(Tx tx, DocumentDraft draft) {
        var document = store.create(tx, ids.next(), draft, tx.principal().subject());
        tx.change(noted(Change.created(RESOURCE_TYPE, document.id(), document.rowVersion()), document));
        LOG.info("context document {} created", document.id());
        return written(tx, document);
    }

    public ContextDocument get(Queries queries, Get get) {
        return store.find(queries, get.id)
                .filter(document -> get.showDeleted || document.deletedAt() == null)
                .orElseThrow(() -> notFound(get.id));
    }

    public Page<ContextDocument> list(Queries queries, ListDocuments list) {
        return store.list(queries, list.filter, list.page);
    }

    public Written update(Tx tx, Update update) {
        var current = lockVisible(tx, update.id);
        requireEtag(current, update.etag);
        var changed = store.update(tx, update.id, update.changes, tx.principal().subject());
        if (changed.isEmpty()) {
            return written(tx, store.find(tx, update.id).orElseThrow(() -> notFound(update.id)));
        }
        return updated(tx, changed.get());
    }

    public Written delete(Tx tx, Delete delete) {
        // A hidden document can still be purged.
        var current = delete.force ? lock(tx, delete.id) : lockVisible(tx, delete.id);
        requireOwner(tx, current);
        requireEtag(current, delete.etag);
        tx.audit("DeleteContextDocument", RESOURCE_TYPE, delete.id, Map.of("force", delete.force));
        if (!delete.force) {
            return updated(tx, store.hide(tx, delete.id));
        }
        var gone = store.purge(tx, delete.id);
        tx.change(Change.deleted(RESOURCE_TYPE, gone.id(), gone.rowVersion()));
        LOG.info("context document {} purged by {}", gone.id(), tx.principal().actor());
        return written(tx, gone);
    }

    public Written undelete(Tx tx, Undelete undelete) {
        var current = lock(tx, undelete.id);
        if (current.deletedAt() != null && isExpired(current.deletedAt(), tx.now())) {
            throw notFound(undelete.id);
        }
        requireOwner(tx, current);
        requireEtag(current, undelete.etag);
        if (current.deletedAt() == null) {
            return written(tx, store.find(tx, undelete.id).orElseThrow(() -> notFound(undelete.id)));
        }
        return updated(tx, store.unhide(tx, undelete.id));
    }

    public Page<DocumentVersion> listVersions(Queries queries, ListVersions list) {
        if (!store.isVisible(queries, list.id)) {
            throw notFound(list.id);
        }
        return store.listVersions(queries, list.id, list.page);
    }

    public DocumentVersion getVersion(Queries queries, GetVersion get) {
        return store.findVersion(queries, get.id, get.number).orElseThrow(() -> versionNotFound(get.id, get.number));
    }

    public Written restore(Tx tx, Restore restore) {
        var current = lockVisible(tx, restore.id);
        requireEtag(current, restore.etag);
        var restored = store.restore(
                        tx, restore.id, restore.number, tx.principal().subject())
                .orElseThrow(() -> versionNotFound(restore.id, restore.number));
        return updated(tx, restored);
    }

    /**
     * Removes documents whose time to be brought back is over, a bounded number of them. Safe in several replicas at
     * once.
     *
     * @return how many; as long as there are any, there may be more
     */
    public int purgeExpired(Tx tx) {
        var gone = store.purgeDeletedBefore(tx, tx.now().minus(ContextDocument.KEPT_AFTER_DELETION), PURGE_BATCH);
        gone.forEach(document -> tx.change(Change.deleted(RESOURCE_TYPE, document.id(), document.version())));
        if (!gone.isEmpty()) {
            LOG.info("{} context documents purged, 30 days after their deletion", gone.size());
        }
        return gone.size();
    }

    private Written updated(Tx tx, ContextDocument document) {
        tx.change(noted(Change.updated(RESOURCE_TYPE, document.id(), document.rowVersion()), document));
        return written(tx, document);
    }

    private Written written(Tx tx, ContextDocument document) {
        return new Written(document, store.revision(tx));
    }

    private static Change noted(Change change, ContextDocument document) {
        var noted = change.with("document_type", document.type())
                .with("repository_url", document.repositoryUrl())
                .with("deleted", document.deletedAt() != null);
        return document.createdBy() == null ? noted : noted.with("created_by", document.createdBy());
    }

    private ContextDocumentStore.Head lockVisible(Tx tx, UUID id) {
        var head = lock(tx, id);
        if (head.deletedAt() != null) {
            throw notFound(id);
        }
        return head;
    }

    private ContextDocumentStore.Head lock(Tx tx, UUID id) {
        return store.lock(tx, id).orElseThrow(() -> notFound(id));
    }

    /** From then on it is as good as gone, whenever the purge comes round to it. */
    private static boolean isExpired(Instant deletedAt, Instant now) {
        return deletedAt.isBefore(now.minus(ContextDocument.KEPT_AFTER_DELETION));
    }

    private static void requireEtag(ContextDocumentStore.Head current, String etag) {
        var now = Long.toString(current.version());
        if (!etag.isEmpty() && !etag.equals(now)) {
            throw Failure.aborted(
                            ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                            "context document %s has changed: its etag is %s; read it again",
                            current.id(),
                            now)
                    .with("resource", RESOURCE_TYPE)
                    .with("id", current.id())
                    .with("etag", now)
                    .exception();
        }
    }

    /** The document of a user who is gone belongs to administrators. */
    private static void requireOwner(Tx tx, ContextDocumentStore.Head current) {
        var owner = current.createdBy();
        var principal = tx.principal();
        boolean may = owner == null ? principal.reaches(Role.ADMIN) : principal.mayActOn(owner);
        if (!may) {
            throw Failure.permissionDenied(
                            ErrorReason.ERROR_REASON_NOT_OWNER,
                            "context document %s belongs to somebody else; its owner or an administrator may do this",
                            current.id())
                    .with("resource", RESOURCE_TYPE)
                    .with("id", current.id())
                    .exception();
        }
    }

    private static RuntimeException notFound(UUID id) {
        return Failure.notFound(ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND, "context document %s does not exist", id)
                .with("resource", RESOURCE_TYPE)
                .with("id", id)
                .exception();
    }

    private static RuntimeException versionNotFound(UUID id, int number) {
        return Failure.notFound(
                        ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND,
                        "context document %s does not exist or has no version %s",
                        id,
                        number)
                .with("resource", RESOURCE_TYPE + "_version")
                .with("id", id)
                .with("version", number)
                .exception();
    }
}
