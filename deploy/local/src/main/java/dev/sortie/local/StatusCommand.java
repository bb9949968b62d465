package dev.sortie.local;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.SQLException;

/** {@code sortie status}: whether it runs, where, and how it feels. */
final class StatusCommand {

    private static final String HELP = """
            usage: sortie status [FLAG…]

            Says whether Sortie runs on the data folder, where each server listens, whether it is ready, and the version
            of its database schema.

            Exit codes: 0 everything is ready, 3 it does not run or is not ready.
            """;

    private StatusCommand() {}

    static int run(Invocation invocation) {
        var settings = invocation.settings();
        var folder = invocation.dataFolder(settings);
        if (invocation.wantsHelp()) {
            return invocation.help(HELP, settings);
        }
        settings.check();
        folder.check();
        var out = invocation.out();

        var running = RunFile.read(folder).filter(run -> run.process().isPresent());
        if (running.isEmpty()) {
            out.println("Sortie does not run on " + folder.root()
                    + (folder.exists() ? "." : ", and there is no data yet."));
            LocalPostgres.process(folder)
                    .ifPresent(process -> out.println("The PostgreSQL of a killed run still does (process "
                            + process.pid() + "): `sortie up` takes its data over, `sortie down` stops it."));
            return ExitCode.NOT_RUNNING;
        }

        var run = running.get();
        if (!run.command().equals("up")) {
            out.println(run.describe(folder, "Sortie runs"));
            return ExitCode.NOT_RUNNING;
        }
        out.printf("Sortie runs on %s (process %d, %s).%n", folder.root(), run.pid(), run.state());
        var ready = run.state().equals(RunFile.READY);
        var row = "  %-18s %-21s %-21s %s%n";
        out.printf(row, "", "gRPC", "metrics, probes", "");
        try (var health = new Health()) {
            for (var service : Databases.SERVICES) {
                var grpc = run.addresses().getOrDefault(RunFile.grpcOf(service), "-");
                var http = run.addresses().get(RunFile.httpOf(service));
                var answer = http == null ? "not started" : health.ask(http);
                ready &= answer.equals(Health.READY);
                out.printf(
                        row,
                        service + "-service",
                        grpc,
                        http == null ? "-" : http,
                        answer + ", schema " + schema(folder, run, service));
            }
        }
        out.printf(row, "PostgreSQL", run.addresses().getOrDefault(RunFile.POSTGRESQL, "-"), "", "");
        return ready ? ExitCode.OK : ExitCode.NOT_RUNNING;
    }

    /** Asked as the runtime role, whose password the data folder has. */
    private static String schema(DataFolder folder, RunFile run, String service) {
        var server = run.addresses().get(RunFile.POSTGRESQL);
        var password = new Secrets(folder.secrets()).file("sortie_" + service + ".password");
        if (server == null) {
            return "unknown";
        }
        try {
            var name = "sortie_" + service;
            var url = DatabaseUrl.parse("postgresql://" + name + "@" + server + "/" + name)
                    .with(name, name, Files.readString(password).strip());
            try (var connection = url.connect();
                    var statement = connection.createStatement();
                    var rows = statement.executeQuery("""
                            SELECT version FROM service_schema_history
                            WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1
                            """)) {
                return rows.next() ? rows.getString(1) : "none";
            }
        } catch (SQLException | IOException | IllegalArgumentException e) {
            return "unknown ("
                    + String.valueOf(e.getMessage()).lines().findFirst().orElse("") + ")";
        }
    }
}
