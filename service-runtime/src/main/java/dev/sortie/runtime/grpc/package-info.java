/** The server, its interceptors, and the channel to another service. */
@NullMarked
package dev.sortie.runtime.grpc;

import org.jspecify.annotations.NullMarked;
