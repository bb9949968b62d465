/** The whole of Sortie on one machine: embedded PostgreSQL, migrations and the three servers in one JVM. */
@NullMarked
package dev.sortie.local;

import org.jspecify.annotations.NullMarked;
