/** The change log: written in the transaction of the change, read by everybody who follows. */
@NullMarked
package dev.sortie.runtime.change;

import org.jspecify.annotations.NullMarked;
