/** Ids made in the application. */
@NullMarked
package dev.sortie.runtime.id;

import org.jspecify.annotations.NullMarked;
