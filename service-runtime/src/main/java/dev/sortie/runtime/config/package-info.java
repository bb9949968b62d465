/** Settings of a process: read once, from flags and environment, every problem reported at once. */
@NullMarked
package dev.sortie.runtime.config;

import org.jspecify.annotations.NullMarked;
