package dev.sortie.runtime.observe;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import java.util.function.BooleanSupplier;

/**
 * A small HTTP server for machines: {@code /metrics} in Prometheus' text format, {@code /livez} (the process answers),
 * {@code /readyz} (calls are welcome; 503 otherwise). Has no secrets and takes no input.
 */
public final class AdminServer implements AutoCloseable {
    private static final String METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

    private final HttpServer server;

    private AdminServer(HttpServer server) {
        this.server = server;
    }

    /** Starts listening; port 0 means any free one. */
    public static AdminServer start(
            Vertx vertx, String host, int port, PrometheusMeterRegistry registry, BooleanSupplier ready) {
        var options = new HttpServerOptions()
                .setHost(host)
                .setPort(port)
                .setMaxInitialLineLength(1_024)
                .setMaxHeaderSize(4_096)
                .setIdleTimeout(60);
        var server = vertx.createHttpServer(options).requestHandler(request -> {
            var response = request.response();
            switch (request.path()) {
                case "/livez" -> response.end("ok\n");
                case "/readyz" -> {
                    boolean isReady = ready.getAsBoolean();
                    response.setStatusCode(isReady ? 200 : 503).end(isReady ? "ok\n" : "not ready\n");
                }
                case "/metrics" ->
                    vertx.executeBlocking(registry::scrape, false)
                            .onSuccess(text -> response.putHeader("content-type", METRICS_TYPE)
                                    .end(text))
                            .onFailure(_ -> response.setStatusCode(500).end());
                case null, default -> response.setStatusCode(404).end("not found\n");
            }
        });
        server.listen().await();
        return new AdminServer(server);
    }

    /** The port it listens at. */
    public int port() {
        return server.actualPort();
    }

    @Override
    public void close() {
        server.close();
    }
}
