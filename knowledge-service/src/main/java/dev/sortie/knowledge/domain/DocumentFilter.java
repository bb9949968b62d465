package dev.sortie.knowledge.domain;

import org.jspecify.annotations.Nullable;

/**
 * Which documents to list.
 *
 * @param type null for every type
 * @param repositoryUrl empty for every one
 * @param tag a label that they carry; empty for any
 * @param showDeleted whether hidden ones are listed too
 */
public record DocumentFilter(@Nullable DocumentType type, String repositoryUrl, String tag, boolean showDeleted) {}
