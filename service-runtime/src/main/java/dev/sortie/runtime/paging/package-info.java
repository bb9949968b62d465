/** Page tokens and field masks. */
@NullMarked
package dev.sortie.runtime.paging;

import org.jspecify.annotations.NullMarked;
