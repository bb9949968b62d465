package dev.sortie.runtime.sql;

/**
 * A statement broke a constraint. Where that is a failure of the contract, the store that knows the constraint catches
 * this and throws the failure; the transaction is lost either way.
 */
public final class ConstraintViolation extends RuntimeException {
    private final String constraint;
    private final String sqlState;

    ConstraintViolation(String constraint, String sqlState, Throwable cause) {
        super(sqlState + " on " + constraint, cause, false, false);
        this.constraint = constraint;
        this.sqlState = sqlState;
    }

    /** The name of the constraint or unique index; empty for NOT NULL. */
    public String constraint() {
        return constraint;
    }

    /** True for the constraint of that name. */
    public boolean isOf(String name) {
        return constraint.equals(name);
    }

    public boolean isUnique() {
        return sqlState.equals("23505");
    }

    public boolean isForeignKey() {
        return sqlState.equals("23503");
    }
}
