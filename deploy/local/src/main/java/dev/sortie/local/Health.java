package dev.sortie.local;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.LockSupport;

/** Asks servers whether they are ready, as a balancer would. */
final class Health implements AutoCloseable {

    static final String READY = "ready";

    private static final Duration ANSWER_PATIENCE = Duration.ofSeconds(3);
    private static final Duration READY_PATIENCE = Duration.ofMinutes(2);

    private final HttpClient client =
            HttpClient.newBuilder().connectTimeout(ANSWER_PATIENCE).build();

    /** {@link #READY}, or what is the matter, for people. */
    String ask(String address) {
        try {
            var request = HttpRequest.newBuilder(URI.create("http://" + address + "/readyz"))
                    .timeout(ANSWER_PATIENCE)
                    .build();
            var response = client.send(request, HttpResponse.BodyHandlers.ofString());
            return response.statusCode() == 200
                    ? READY
                    : "not ready: " + response.body().strip().replace('\n', ' ');
        } catch (IOException e) {
            return "does not answer";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "unknown";
        }
    }

    /** Waits until a server is ready. */
    void await(String name, String address) {
        var deadline = Instant.now().plus(READY_PATIENCE);
        while (true) {
            var answer = ask(address);
            if (answer.equals(READY)) {
                return;
            }
            if (Instant.now().isAfter(deadline) || Thread.currentThread().isInterrupted()) {
                throw new LocalException(
                        "%s is not ready after %d s: %s".formatted(name, READY_PATIENCE.toSeconds(), answer));
            }
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
        }
    }

    @Override
    public void close() {
        client.close();
    }
}
