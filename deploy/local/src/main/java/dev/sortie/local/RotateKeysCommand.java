package dev.sortie.local;

import dev.sortie.mission.RotateKeys;
import dev.sortie.runtime.sql.DatabaseSettings;
import java.io.IOException;
import java.nio.file.Files;

/** {@code sortie rotate-keys}: mission-service's own command, on the data folder, whether or not Sortie runs on it. */
final class RotateKeysCommand {

    private static final String SERVICE = "mission";

    private RotateKeysCommand() {}

    static int run(Invocation invocation) {
        var command = new RotateKeys();
        var settings = invocation.settings();
        var folder = invocation.dataFolder(settings);
        var external = Invocation.externalDatabase(settings);
        var port = Invocation.postgresPort(settings);
        var phase = RotateKeys.phase(settings);
        var patience = RotateKeys.patience(settings);
        if (invocation.wantsHelp()) {
            return invocation.help("usage: sortie rotate-keys [FLAG…]\n\n" + command.about(), settings);
        }
        settings.check();
        folder.check();
        if (!folder.exists()) {
            throw new LocalException("There is no data folder at " + folder.root() + " yet; `sortie up` makes it.");
        }

        var keys = Accounts.credentialKeys(folder);
        var running = RunFile.read(folder)
                .filter(run -> run.command().equals("up") && run.process().isPresent())
                .map(run -> run.addresses().get(RunFile.POSTGRESQL));
        if (running.isPresent()) {
            var database = DatabaseSettings.of(runtimeUrl(folder, running.get()));
            return run(command, new RotateKeys.Order(database, keys, phase, patience), invocation);
        }
        try (var stack = new Stack()) {
            Runtime.getRuntime().addShutdownHook(new Thread(stack::close, "sortie-rotate-keys-stop"));
            stack.start(() -> folder.lock("rotate-keys"));
            Logs.to(folder.logs());
            var databases = stack.start(() -> Databases.open(folder, external, port));
            databases.migrate(SERVICE);
            var database = DatabaseSettings.of(databases.of(SERVICE).runtime().toUrl());
            return run(command, new RotateKeys.Order(database, keys, phase, patience), invocation);
        }
    }

    private static int run(RotateKeys command, RotateKeys.Order order, Invocation invocation) {
        try {
            return command.run(order, invocation.out()) ? ExitCode.OK : ExitCode.FAILED;
        } catch (Exception failed) {
            throw new LocalException("Rotating the keys stopped: " + failed.getMessage() + ". Run it again.", failed);
        }
    }

    /** As the runtime role, whose password the data folder has. */
    private static String runtimeUrl(DataFolder folder, String server) {
        var name = "sortie_" + SERVICE;
        try {
            var password = Files.readString(new Secrets(folder.secrets()).file(name + ".password"));
            return DatabaseUrl.parse("postgresql://" + name + "@" + server + "/" + name)
                    .with(name, name, password.strip())
                    .toUrl();
        } catch (IOException failed) {
            throw new LocalException(
                    "The password of the database cannot be read: " + DataFolder.describe(failed), failed);
        }
    }
}
