package dev.sortie.samples.good.store;

import io.vertx.sqlclient.SqlClient;

public record HopStore(SqlClient client) {}
