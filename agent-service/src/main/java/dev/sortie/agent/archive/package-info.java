/** Old executions in compressed files. */
@NullMarked
package dev.sortie.agent.archive;

import org.jspecify.annotations.NullMarked;
