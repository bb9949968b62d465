package dev.sortie.mission.domain;

import dev.sortie.mission.store.CredentialKeyStore;
import dev.sortie.mission.store.ResourceCredentialStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.mission.store.UserStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.security.SecureRandom;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What users present to resources. A content is decrypted where it is revealed, compared or given a handle, and goes
 * nowhere else: into no change row, audit row, message of a failure or log.
 */
public final class ResourceCredentials {
    /** How many a user can have. */
    public static final int MAX_OF_USER = 1_000;

    private static final Logger LOG = LoggerFactory.getLogger(ResourceCredentials.class);

    private final ResourceCredentialStore store;
    private final CredentialKeyStore keyStore;
    private final UserStore users;
    private final ToolStepStore steps;
    private final CredentialKeys keys;
    private final Ids ids;
    private final SecureRandom random;

    public ResourceCredentials(
            ResourceCredentialStore store,
            CredentialKeyStore keyStore,
            UserStore users,
            ToolStepStore steps,
            CredentialKeys keys,
            Ids ids,
            SecureRandom random) {
        this.store = store;
        this.keyStore = keyStore;
        this.users = users;
        this.steps = steps;
        this.keys = keys;
        this.ids = ids;
        this.random = random;
    }

    /**
     * A credential as it shall be.
     *
     * @param userId whose; null for the caller's
     * @param value the content; a secret
     * @param etag the version it must have; empty for any, and for one that is not there yet
     */
    public record Draft(@Nullable UUID userId, String resourceId, byte[] value, String etag) {
        @Override
        public String toString() {
            return "Draft[" + userId + ", " + resourceId + "]";
        }
    }

    /** A credential that shall go. */
    public record Deletion(UUID id, String etag) {}

    /** Which credential shall be revealed: exactly one of the two is given. */
    public record Wanted(@Nullable UUID id, @Nullable String handle) {
        @Override
        public String toString() {
            return "Wanted[" + id + "]";
        }
    }

    /** A credential and its content. */
    public record Revealed(ResourceCredential credential, byte[] value) {
        @Override
        public String toString() {
            return "Revealed[" + credential + "]";
        }
    }

    /** Creates a user's credential for a resource or gives it another content. The same content changes nothing. */
    public ResourceCredential put(Tx tx, Draft draft) {
        keys.required();
        var caller = tx.principal();
        var owner = draft.userId() == null ? caller.subject() : draft.userId();
        caller.requireOwner(owner, "user", owner);
        // Held, so that the user stays, and of two that put at once one sees what the other did.
        if (users.lock(tx, owner).isEmpty()) {
            throw Refusals.referenceNotFound("resource_credential.user_id", "user", owner);
        }
        var present = store.findForUpdate(tx, owner, draft.resourceId());
        checkEtag(draft, present);
        var keyset = holdKeys(tx);
        return present.isEmpty() ? create(tx, keyset, owner, draft) : replace(tx, keyset, present.get(), draft);
    }

    /** The keys, of which the primary one stays in service until the end of the transaction. */
    private CredentialKeyset holdKeys(Tx tx) {
        var keyset = keys.required();
        if (keyStore.hold(tx, keyset.primaryId())) {
            return keyset;
        }
        keys.refresh(); // this server may be the last to hear of it
        var newer = keys.required();
        if (newer.primaryId() != keyset.primaryId() && keyStore.hold(tx, newer.primaryId())) {
            return newer;
        }
        throw CredentialKeys.missing(
                "RETIRED", "key " + newer.primaryId() + ", its primary one, has been taken out of service");
    }

    private ResourceCredential create(Tx tx, CredentialKeyset keyset, UUID owner, Draft draft) {
        if (store.countOfUser(tx, owner) >= MAX_OF_USER) {
            throw Refusals.tooManyChildren("user", owner, MAX_OF_USER);
        }
        var id = ids.next();
        var sealed = CredentialContent.of(draft.value(), random).seal(keyset, id);
        var made = store.insert(tx, id, owner, draft.resourceId(), sealed, keyset.primaryId());
        note(tx, Change.created("resource_credential", id, made.version()), "PutResourceCredential", made);
        return made;
    }

    private ResourceCredential replace(Tx tx, CredentialKeyset keyset, ResourceCredential present, Draft draft) {
        var content = tryOpen(present);
        if (content.filter(open -> open.hasValue(draft.value())).isPresent()) {
            return present;
        }
        var sealed = content.map(open -> open.with(draft.value()))
                .orElseGet(() -> CredentialContent.of(draft.value(), random))
                .seal(keyset, present.id());
        var replaced = store.replace(tx, present.id(), sealed, keyset.primaryId());
        note(
                tx,
                Change.updated("resource_credential", replaced.id(), replaced.version()),
                "PutResourceCredential",
                replaced);
        return replaced;
    }

    /** A credential of the caller, or of somebody whom the caller may act on. */
    public ResourceCredential get(Queries queries, UUID id) {
        var credential = store.find(queries, id).orElseThrow(() -> notFound(id));
        queries.principal().requireOwner(credential.userId(), "resource_credential", id);
        return credential;
    }

    /**
     * The caller's credentials, or those of somebody whom the caller may act on, by resource.
     *
     * @param userId whose; null for the caller's
     */
    public Page<ResourceCredential> list(Queries queries, @Nullable UUID userId, PageRequest page) {
        var caller = queries.principal();
        var owner = userId == null ? caller.subject() : userId;
        caller.requireOwner(owner, "user", owner);
        var after = page.after();
        return page.page(
                store.list(queries, owner, after == null ? "" : after.text(0), page.limit()),
                credential -> Keyset.of(credential.resourceId()));
    }

    /** Deletes a credential, and returns it as it was. */
    public ResourceCredential delete(Tx tx, Deletion deletion) {
        var id = deletion.id();
        var credential = store.findForUpdate(tx, id).orElseThrow(() -> notFound(id));
        tx.principal().requireOwner(credential.userId(), "resource_credential", id);
        Refusals.checkEtag("resource_credential", id, deletion.etag(), credential.version());
        store.delete(tx, id);
        note(
                tx,
                Change.deleted("resource_credential", id, credential.version()),
                "DeleteResourceCredential",
                credential);
        return credential;
    }

    /** Deletes what a user who is being deleted has. */
    void deleteOfUser(Tx tx, UUID userId) {
        store.deleteOfUser(tx, userId)
                .forEach(credential -> tx.change(describe(
                        Change.deleted("resource_credential", credential.id(), credential.version()), credential)));
    }

    /** Reveals a content, and writes down who has seen it: in one transaction, so that there is never one without. */
    public Revealed reveal(Tx tx, Wanted wanted) {
        return wanted.id() != null ? revealById(tx, wanted.id()) : revealByHandle(tx, String.valueOf(wanted.handle()));
    }

    private Revealed revealById(Tx tx, UUID id) {
        var caller = tx.principal();
        if (!caller.reaches(Role.ADMIN)) {
            throw Failure.permissionDenied(
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_ROLE_INSUFFICIENT,
                            "resource_credential_id: for administrators and services; a worker has a handle")
                    .with("required", Role.ADMIN)
                    .with("role", caller.role())
                    .exception();
        }
        caller.requireScope(Set.of(TokenScope.ACCOUNT.name()));
        var credential = store.find(tx, id).orElseThrow(() -> notFound(id));
        var content = open(credential);
        tx.audit(
                "RevealResourceCredential",
                "resource_credential",
                id,
                Map.of(
                        "by", "id",
                        "user_id", credential.userId().toString(),
                        "resource_id", credential.resourceId()));
        return new Revealed(credential, content.value());
    }

    private Revealed revealByHandle(Tx tx, String text) {
        var handle = CredentialHandle.parse(text).orElseThrow(ResourceCredentials::noHandle);
        var credential = store.find(tx, handle.credentialId()).orElseThrow(ResourceCredentials::noHandle);
        var content = open(credential);
        if (!handle.isSignedBy(content)) {
            throw noHandle();
        }
        // Held, so that the attempt does not end between the look and the answer.
        var step = steps.hold(tx, handle.toolStepId()).orElseThrow(ResourceCredentials::noHandle);
        if (step.status() != ToolStepStatus.RUNNING || step.attempt() != handle.attempt()) {
            throw Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID,
                            "the handle was for attempt %d of tool_step %s, which does not run any more",
                            handle.attempt(),
                            handle.toolStepId())
                    .with("tool_step_id", handle.toolStepId())
                    .with("attempt", handle.attempt())
                    .with("state", step.status())
                    .exception();
        }
        tx.audit(
                "RevealResourceCredential",
                "resource_credential",
                credential.id(),
                Map.of(
                        "by", "handle",
                        "user_id", credential.userId().toString(),
                        "resource_id", credential.resourceId(),
                        "mission_id", step.missionId().toString(),
                        "tool_step_id", handle.toolStepId().toString(),
                        "attempt", handle.attempt()));
        return new Revealed(credential, content.value());
    }

    /**
     * What there is of a user's credentials for some resources.
     *
     * @return by resource; what is missing is missing
     */
    Map<String, Usable> usable(Queries queries, UUID userId, Collection<String> resourceIds) {
        var found = new HashMap<String, Usable>();
        if (!resourceIds.isEmpty()) {
            for (var credential : store.findOfUser(queries, userId, resourceIds)) {
                found.put(credential.resourceId(), new Usable(credential, tryOpen(credential)));
            }
        }
        return found;
    }

    /** A credential, with its content where that can be decrypted. */
    record Usable(ResourceCredential credential, Optional<CredentialContent> content) {
        /** What stands for the credential in the work order of an attempt. */
        String handle(UUID toolStepId, int attempt) {
            return CredentialHandle.of(credential.id(), content.orElseThrow(), toolStepId, attempt)
                    .text();
        }
    }

    private CredentialContent open(ResourceCredential credential) {
        keys.required();
        return tryOpen(credential).orElseThrow(() -> {
            boolean present = keys.required().ids().contains(credential.keyId());
            LOG.atError()
                    .addKeyValue("resource_credential_id", credential.id())
                    .addKeyValue("key_id", credential.keyId())
                    .addKeyValue("key_present", present)
                    .log("a credential cannot be decrypted");
            return Failure.failedPrecondition(
                            ErrorReason.ERROR_REASON_CREDENTIAL_UNREADABLE,
                            present
                                    ? "resource_credential %s cannot be decrypted: it is not what key %d encrypted"
                                    : "resource_credential %s cannot be decrypted: the server has no key %d",
                            credential.id(),
                            credential.keyId())
                    .with("resource_credential_id", credential.id())
                    .with("key_id", credential.keyId())
                    .with("key", present ? "PRESENT" : "ABSENT")
                    .exception();
        });
    }

    /** The keys may have changed a moment ago: what they cannot open is tried again with what the file says now. */
    private Optional<CredentialContent> tryOpen(ResourceCredential credential) {
        var keyset = keys.current();
        var content = keyset.flatMap(present -> CredentialContent.open(present, credential));
        if (content.isPresent()
                || keyset.filter(present -> present.ids().contains(credential.keyId()))
                        .isPresent()) {
            return content;
        }
        keys.refresh();
        return keys.current().flatMap(present -> CredentialContent.open(present, credential));
    }

    private static void checkEtag(Draft draft, Optional<ResourceCredential> present) {
        var etag = draft.etag();
        if (present.isPresent()) {
            Refusals.checkEtag(
                    "resource_credential",
                    present.get().id(),
                    etag,
                    present.get().version());
        } else if (!etag.isEmpty()) {
            throw Failure.aborted(
                            dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                            "there is no credential for %s (any more); an etag is for one that is there",
                            draft.resourceId())
                    .with("resource", "resource_credential")
                    .with("id", draft.resourceId())
                    .with("etag", "")
                    .exception();
        }
    }

    private static void note(Tx tx, Change change, String action, ResourceCredential credential) {
        tx.change(describe(change, credential));
        tx.audit(
                action,
                "resource_credential",
                credential.id(),
                Map.of("user_id", credential.userId().toString(), "resource_id", credential.resourceId()));
    }

    private static Change describe(Change change, ResourceCredential credential) {
        return change.with("user_id", credential.userId()).with("resource_id", credential.resourceId());
    }

    private static FailureException notFound(UUID id) {
        return Refusals.notFound("resource_credential", id);
    }

    private static FailureException noHandle() {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_CREDENTIAL_HANDLE_INVALID,
                        "the handle is none, or its credential or its step is gone; ask for the work order's payload")
                .exception();
    }
}
