package dev.sortie.mission.domain;

/**
 * A piece of a run's log.
 *
 * @param sequence its place in the log
 */
public record TestLogChunk(long sequence, String text) {}
