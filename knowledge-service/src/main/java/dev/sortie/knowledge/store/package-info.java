/** The SQL of this service. */
@NullMarked
package dev.sortie.knowledge.store;

import org.jspecify.annotations.NullMarked;
