package dev.sortie.mission.domain;

/** A record cannot be imported. What is thrown undoes whatever of it was stored. */
final class ImportRejection extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String field;

    /**
     * What is wrong.
     *
     * @param field the column at fault, by its path in the record; empty for the record as a whole
     * @param reason a sentence for the one who has the record; never what a secret column holds
     */
    ImportRejection(String field, String reason) {
        super(reason, null, false, false);
        this.field = field;
    }

    String field() {
        return field;
    }

    String reason() {
        return String.valueOf(getMessage());
    }
}
