package dev.sortie.mission;

import dev.sortie.mission.domain.CredentialKeyFile;
import dev.sortie.mission.domain.CredentialKeyRotation;
import dev.sortie.mission.domain.CredentialKeyRotation.Phase;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.mission.store.CredentialKeyStore;
import dev.sortie.mission.store.ResourceCredentialStore;
import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.process.ServiceProcess;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.DatabaseSettings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Vertx;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** The command {@code rotate-keys}: replaces the key that credentials are encrypted with, while servers serve. */
public final class RotateKeys implements ServiceProcess.Command<RotateKeys.Order> {
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    /**
     * What to do.
     *
     * @param database of mission-service, as its runtime role
     * @param file the keys
     * @param patience how long to wait for servers to take the file over
     */
    public record Order(DatabaseSettings database, Path file, Phase phase, Duration patience) {}

    @Override
    public String name() {
        return "rotate-keys";
    }

    @Override
    public String summary() {
        return "replaces the key that credentials are encrypted with, while servers serve";
    }

    @Override
    public String about() {
        return """
                Replaces the key that credentials for resources are encrypted with. Servers go on to serve: they take
                over what the file says within seconds. Where there is no file, makes one with a first key.

                Phases, all of them in this order unless --phase names one:

                  add        a new key comes into the file, and encrypts nothing yet
                  promote    it encrypts from now on, once every server has it
                  reencrypt  every credential is encrypted with it, some at a time
                  remove     the old key is taken out of service and out of the file, once nothing needs it
                  status     says which keys there are, how many credentials each has, and who has them

                Where servers share the file, all phases run at once. Where each has a copy, run a phase, give them the
                file, and run the next. Stop it whenever you want, and run it again: it goes on where it was.

                A backup of the database is of use only with the keys of its time: keep them as long, and elsewhere.

                Exit codes: 0 done, 1 not done (and why), 2 wrong settings.
                """;
    }

    @Override
    public Order read(Settings settings) {
        var file = settings.required(CredentialKeys.SETTING + "_FILE", "the file with the keys");
        return new Order(DatabaseSettings.read(settings), Path.of(file), phase(settings), patience(settings));
    }

    /** Reads which phase to run. */
    public static Phase phase(Settings settings) {
        var names = Arrays.stream(Phase.values())
                .map(phase -> phase.name().toLowerCase(Locale.ROOT))
                .toList();
        var name = settings.text("SORTIE_PHASE", "all", names.stream().collect(Collectors.joining(", ")));
        if (!names.contains(name)) {
            settings.problem("SORTIE_PHASE: " + name + " (expected: " + String.join(", ", names) + ")");
            return Phase.STATUS;
        }
        return Phase.valueOf(name.toUpperCase(Locale.ROOT));
    }

    /** Reads how long to wait for servers. */
    public static Duration patience(Settings settings) {
        return settings.duration(
                "SORTIE_WAIT",
                PATIENCE,
                Duration.ZERO,
                Duration.ofHours(1),
                "how long to wait for servers to take the file over");
    }

    @Override
    public boolean run(Order order, PrintStream out) throws Exception {
        var vertx = Vertx.vertx();
        try (var database = Database.open(
                        vertx, order.database(), "rotate-keys", InstantSource.system(), new SimpleMeterRegistry());
                var file = CredentialKeyFile.open(order.file())) {
            return new CredentialKeyRotation(
                            database,
                            new CredentialKeyStore(),
                            new ResourceCredentialStore(),
                            file,
                            order.patience(),
                            out::println)
                    .run(order.phase());
        } catch (IllegalStateException refused) {
            out.println(refused.getMessage());
            return false;
        } finally {
            vertx.close().await(10, TimeUnit.SECONDS);
        }
    }
}
