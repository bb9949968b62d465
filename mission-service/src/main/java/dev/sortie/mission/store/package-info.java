/** The SQL, next to its row mapping. */
@NullMarked
package dev.sortie.mission.store;

import org.jspecify.annotations.NullMarked;
