/** Who calls: principals, tokens, and what a caller may do. */
@NullMarked
package dev.sortie.runtime.identity;

import org.jspecify.annotations.NullMarked;
