/** Load on the servers, through the public contract only. */
@NullMarked
package dev.sortie.bench;

import org.jspecify.annotations.NullMarked;
