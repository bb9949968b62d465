/** Metrics and the admin HTTP endpoint. */
@NullMarked
package dev.sortie.runtime.observe;

import org.jspecify.annotations.NullMarked;
