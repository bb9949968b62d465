package dev.sortie.mission.domain;

/** A hop and its mission, both held until the end of the transaction: a move of one may move the other. */
public record LockedHop(Mission mission, Hop hop) {}
