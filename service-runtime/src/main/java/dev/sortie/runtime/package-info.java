/** What every Sortie server does in the same way; it knows no domain type. */
@NullMarked
package dev.sortie.runtime;

import org.jspecify.annotations.NullMarked;
