package dev.sortie.runtime.testing.plans;

import java.util.List;

/**
 * A statement as a server sent it.
 *
 * @param parameters with nulls among them
 */
public record SentStatement(String sql, List<Object> parameters) {}
