package dev.sortie.samples.bad.domain;

import dev.sortie.change.v1.Change;
import dev.sortie.samples.bad.api.HopGrpcService;
import io.vertx.core.Vertx;
import java.time.Instant;

/** A framework, a message, the transport and the time of day in the domain. */
record Hops(Vertx vertx, Change change, HopGrpcService service) {
    Instant now() {
        return Instant.now();
    }
}
