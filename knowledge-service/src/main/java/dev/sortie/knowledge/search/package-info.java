/** The search index: how documents are indexed, followed and found. */
@NullMarked
package dev.sortie.knowledge.search;

import org.jspecify.annotations.NullMarked;
