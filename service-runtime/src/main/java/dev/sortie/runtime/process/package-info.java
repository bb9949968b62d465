/** From main to a running service and back. */
@NullMarked
package dev.sortie.runtime.process;

import org.jspecify.annotations.NullMarked;
