package dev.sortie.mission.domain;

/**
 * Something that keeps a step from being executed.
 *
 * @param field {@code tool_id}, {@code parameter_mapping.NAME}, {@code result_mapping.NAME}, or {@code
 *     parameter_mapping} for what concerns several parameters
 * @param message a sentence that names the parameter and says what was expected
 */
public record ValidationError(String field, String message) {}
