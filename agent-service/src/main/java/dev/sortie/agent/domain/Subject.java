package dev.sortie.agent.domain;

import java.util.UUID;

/** What a work order is for: something of mission-service's. */
public record Subject(Kind kind, UUID id) {

    /** What it may be. */
    public enum Kind {
        TOOL_STEP("tool_step"),
        TASK("task");

        private final String resource;

        Kind(String resource) {
            this.resource = resource;
        }

        /** What mission-service calls it. */
        public String resource() {
            return resource;
        }

        /** The field of an order, and the attribute of its changes, that has its id. */
        public String field() {
            return resource + "_id";
        }
    }
}
