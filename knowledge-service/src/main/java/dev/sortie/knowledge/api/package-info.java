/** The gRPC services: requests become domain calls, results become responses. */
@NullMarked
package dev.sortie.knowledge.api;

import org.jspecify.annotations.NullMarked;
