/** A mission that surveys a code base, run by a client and a worker which speak only the public contract. */
@NullMarked
package dev.sortie.demo;

import org.jspecify.annotations.NullMarked;
