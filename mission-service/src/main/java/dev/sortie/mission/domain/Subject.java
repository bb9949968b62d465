package dev.sortie.mission.domain;

import java.util.UUID;

/** What a work order is for. */
public record Subject(Kind kind, UUID id) {

    /** What it may be. */
    public enum Kind {
        TOOL_STEP("tool-step"),
        TASK("task");

        private final String word;

        Kind(String word) {
            this.word = word;
        }

        /** The field of an order, the attribute of its changes, and the key in logs, that has the id. */
        public String field() {
            return word.replace('-', '_') + "_id";
        }
    }

    public static Subject step(UUID id) {
        return new Subject(Kind.TOOL_STEP, id);
    }

    public static Subject task(UUID id) {
        return new Subject(Kind.TASK, id);
    }

    /** The name of the order for one attempt, within its queue: the same whoever places it, however often. */
    public String dedupeKey(int attempt) {
        return kind.word + "/" + id + "/" + attempt;
    }
}
