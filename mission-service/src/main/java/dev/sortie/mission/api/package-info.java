/** The gRPC services: decode, operate, encode. */
@NullMarked
package dev.sortie.mission.api;

import org.jspecify.annotations.NullMarked;
