/** What can go wrong in a call, and the one place where it becomes a gRPC status. */
@NullMarked
package dev.sortie.runtime.failure;

import org.jspecify.annotations.NullMarked;
