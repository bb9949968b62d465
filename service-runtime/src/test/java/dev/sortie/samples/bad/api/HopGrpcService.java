package dev.sortie.samples.bad.api;

import io.vertx.sqlclient.SqlClient;

/** SQL in api. */
public record HopGrpcService(SqlClient client) {}
