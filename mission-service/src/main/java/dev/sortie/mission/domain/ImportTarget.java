package dev.sortie.mission.domain;

import dev.sortie.mission.store.ImportStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.sql.Tx;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Where a record goes: a transaction of its own, beside what other records of the same source have become. */
final class ImportTarget {
    private final Tx tx;
    private final String source;
    private final byte[] hash;
    private final ImportStore records;
    private final Ids ids;
    private final List<String> notes = new ArrayList<>();

    ImportTarget(Tx tx, String source, byte[] hash, ImportStore records, Ids ids) {
        this.tx = tx;
        this.source = source;
        this.hash = hash;
        this.records = records;
        this.ids = ids;
    }

    Tx tx() {
        return tx;
    }

    UUID newId() {
        return ids.next();
    }

    /** What is told of the record, beside what reading it told. */
    List<String> notes() {
        return notes;
    }

    void note(String field, String text) {
        notes.add(field + ": " + text);
    }

    /** Takes a record; empty when it was imported before. */
    Optional<UUID> claim(String table, String id, String resource, UUID newId) {
        return records.claim(tx, key(table, id), resource, newId, hash);
    }

    /** A record that was taken has become something else than was thought. */
    void become(String table, String id, UUID resourceId) {
        records.become(tx, key(table, id), resourceId);
    }

    /** Takes something nested in the record, which has an id of its own. */
    UUID claimNested(String field, String table, String id, String resource) {
        return claim(table, id, resource, newId())
                .orElseThrow(() -> new ImportRejection(field, id + " was imported before, as part of another record"));
    }

    /** Whether the record was imported before with this very content. */
    Optional<ImportStore.Found> find(String table, String id) {
        return records.find(tx, key(table, id));
    }

    /** Whether that is what is being imported now. */
    boolean isSame(ImportStore.Found found) {
        return found.is(hash);
    }

    /** What a record has become that was imported before. */
    UUID required(String field, String table, String id) {
        return find(table, id)
                .filter(found -> found.hash() != null)
                .map(ImportStore.Found::resourceId)
                .orElseThrow(() -> new ImportRejection(
                        field, "there is no record " + id + " in " + table + " of " + source + " yet"));
    }

    /** What a record has become or will become. */
    UUID expected(String table, String id, String resource) {
        return records.expect(tx, key(table, id), resource, newId());
    }

    private ImportStore.Key key(String table, String id) {
        return new ImportStore.Key(source, table, id);
    }
}
