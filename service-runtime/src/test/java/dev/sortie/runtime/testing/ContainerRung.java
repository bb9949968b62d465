package dev.sortie.runtime.testing;

import java.util.Optional;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.postgresql.PostgreSQLContainer;

/** A PostgreSQL in a container, where a Docker daemon answers. Testcontainers removes it. */
final class ContainerRung implements PostgresLadder.Rung {

    private static final String IMAGE = "postgres:18";

    @Override
    public String name() {
        return "container";
    }

    @Override
    @SuppressWarnings("resource") // It lives as long as the JVM.
    public Optional<PostgresServer> climb() {
        if (!DockerClientFactory.instance().isDockerAvailable()) {
            throw new IllegalStateException("no Docker daemon answers");
        }
        var container = new PostgreSQLContainer(IMAGE).withUsername("postgres");
        container.start();
        return Optional.of(new PostgresServer(
                "container",
                container.getHost(),
                container.getMappedPort(PostgreSQLContainer.POSTGRESQL_PORT),
                container.getUsername(),
                container.getPassword(),
                container.getDatabaseName(),
                "",
                false));
    }
}
