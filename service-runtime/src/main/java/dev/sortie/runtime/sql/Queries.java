package dev.sortie.runtime.sql;

import dev.sortie.runtime.identity.Principal;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Statements on behalf of a caller, each on its own or, as a {@link Tx}, within a transaction: a store takes this where
 * it does not matter which. Awaits on the calling (virtual) thread, at most until the call's deadline.
 *
 * <p>SQL casts every parameter ({@code $1::uuid}). A parameter may be null, a string, number, boolean, {@code UUID},
 * {@code Instant}, {@code byte[]}, enum (its name), an array of these, or a list of these. JSON goes as text:
 * {@code $1::text::jsonb}, and comes back as {@code column::text}.
 *
 * <p>A statement that breaks a constraint throws {@link ConstraintViolation}.
 */
public interface Queries {

    /** All rows, in the order of the statement. */
    <T> List<T> list(String sql, Function<Row, T> mapper, @Nullable Object... parameters);

    /** The first row, where there is one. */
    <T> Optional<T> find(String sql, Function<Row, T> mapper, @Nullable Object... parameters);

    /** The number of rows written. */
    int update(String sql, @Nullable Object... parameters);

    /** The time: one and the same for a whole call or transaction, of microseconds as the database keeps it. */
    Instant now();

    /** On whose behalf. */
    Principal principal();
}
