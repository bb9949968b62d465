package dev.sortie.mission.domain;

/** Who takes over what becomes of orders, by what they are for. */
public record Outcomes(OrderOutcomes steps, OrderOutcomes tasks) {

    public OrderOutcomes of(Subject.Kind kind) {
        return switch (kind) {
            case TOOL_STEP -> steps;
            case TASK -> tasks;
        };
    }
}
