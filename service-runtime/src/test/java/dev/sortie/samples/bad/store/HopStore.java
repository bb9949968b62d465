package dev.sortie.samples.bad.store;

import io.grpc.Status;

/** Transport in store. */
record HopStore(Status status) {
    static final String FIND = """
            SELECT
              h.* FROM hops h
            """;
}
