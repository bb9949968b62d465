package dev.sortie.local;

/** {@code sortie migrate}: brings the schemas up to date, and nothing else. */
final class MigrateCommand {

    private static final String HELP = """
            usage: sortie migrate [FLAG…]

            Makes the three databases with their roles where they are missing, and brings their schemas up to date: in
            the embedded PostgreSQL, which it starts for that and stops again, or on another server. `sortie up` does
            this by itself. Repeatable; an interrupted migration is rolled back and done again by the next run.

            Exit codes: 0 up to date, 1 failed, 4 Sortie runs.
            """;

    private MigrateCommand() {}

    static int run(Invocation invocation) {
        var settings = invocation.settings();
        var folder = invocation.dataFolder(settings);
        var external = Invocation.externalDatabase(settings);
        var port = Invocation.postgresPort(settings);
        if (invocation.wantsHelp()) {
            return invocation.help(HELP, settings);
        }
        settings.check();
        folder.check();

        var progress = new Progress(invocation.out());
        try (var stack = new Stack()) {
            Runtime.getRuntime().addShutdownHook(new Thread(stack::close, "sortie-migrate-stop"));
            stack.start(() -> folder.lock("migrate"));
            Logs.to(folder.logs());
            var databases =
                    stack.start(() -> progress.step("PostgreSQL", () -> Databases.open(folder, external, port)));
            for (var service : Databases.SERVICES) {
                progress.step(service + " schema", () -> databases.migrate(service));
            }
        }
        return ExitCode.OK;
    }
}
