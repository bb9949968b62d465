package dev.sortie.mission.api;

import dev.sortie.mission.domain.Imports.Imported;
import dev.sortie.mission.domain.Imports.Outcome;
import dev.sortie.mission.v1.ImportMissionsResponse;
import dev.sortie.mission.v1.ImportOutcome;
import dev.sortie.mission.v1.ImportedRecord;
import java.util.Comparator;
import java.util.List;

/** Between what came of an import and its message. */
final class ImportProtos {
    private static final int MAX_RECORDS = 2_000;
    // Well below the 4 MiB that clients accept unless they say otherwise.
    private static final int MAX_BYTES = 2 * 1024 * 1024;
    private static final Comparator<Imported> ORDER =
            Comparator.comparingInt(ImportProtos::rank).thenComparingLong(Imported::line);

    private ImportProtos() {}

    static ImportMissionsResponse toResponse(List<Imported> imported) {
        var response = ImportMissionsResponse.newBuilder()
                .setCreatedCount(count(imported, Outcome.CREATED))
                .setLinkedCount(count(imported, Outcome.LINKED))
                .setUnchangedCount(count(imported, Outcome.UNCHANGED))
                .setConflictCount(count(imported, Outcome.CONFLICT))
                .setRejectedCount(count(imported, Outcome.REJECTED));
        long bytes = 0;
        for (var one : imported.stream().sorted(ORDER).toList()) {
            var record = toMessage(one);
            bytes += record.getSerializedSize();
            if (response.getRecordsCount() == MAX_RECORDS || bytes > MAX_BYTES) {
                break;
            }
            response.addRecords(record);
        }
        return response.setOmittedCount(imported.size() - response.getRecordsCount())
                .build();
    }

    private static int rank(Imported one) {
        return switch (one.outcome()) {
            case REJECTED -> 0;
            case CONFLICT -> 1;
            case CREATED, LINKED, UNCHANGED -> one.notes().isEmpty() ? 3 : 2;
        };
    }

    private static long count(List<Imported> imported, Outcome outcome) {
        return imported.stream().filter(one -> one.outcome() == outcome).count();
    }

    private static ImportedRecord toMessage(Imported one) {
        var record = ImportedRecord.newBuilder()
                .setLine(one.line())
                .setForm(one.form())
                .setTable(one.table())
                .setSourceId(one.sourceId())
                .setOutcome(ImportOutcome.valueOf("IMPORT_OUTCOME_" + one.outcome()))
                .setResource(one.resource())
                .setField(one.field())
                .setReason(one.reason())
                .addAllNotes(one.notes());
        if (one.resourceId() != null) {
            record.setResourceId(one.resourceId().toString());
        }
        return record.build();
    }
}
