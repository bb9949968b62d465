/** The commands that speak to running servers: a client of the public contract like any other. */
@NullMarked
package dev.sortie.cli;

import org.jspecify.annotations.NullMarked;
