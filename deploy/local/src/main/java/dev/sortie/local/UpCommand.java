package dev.sortie.local;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code sortie up}: everything on this machine, until a signal ends it. */
final class UpCommand {

    private static final Logger LOG = LoggerFactory.getLogger(UpCommand.class);

    private static final String HELP = """
            usage: sortie up [FLAG…]

            Starts PostgreSQL, brings the schemas up to date, and starts the three servers, all on this machine. Keeps
            what it stores in the data folder; the next `up` goes on from there, also after a crash. Runs until Ctrl-C
            or SIGTERM: then the servers finish the calls they have, and PostgreSQL stops.

            The first `up` makes an administrator and shows its API token.

            Exit codes: 1 failed, 2 wrong settings, 4 Sortie runs on this data folder already.
            """;

    /** A database server that ends this often within a minute would only end again. */
    private static final int MAX_RESTARTS = 5;

    private UpCommand() {}

    static int run(Invocation invocation) {
        var settings = invocation.settings();
        var folder = invocation.dataFolder(settings);
        var external = Invocation.externalDatabase(settings);
        var port = Invocation.postgresPort(settings);
        var endpoints = Endpoints.read(settings);
        if (invocation.wantsHelp()) {
            return invocation.help(HELP, settings);
        }
        settings.check();
        folder.check();

        var stack = new Stack();
        try {
            stack.start(() -> folder.lock("up"));
            Logs.to(folder.logs());
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(stack, invocation), "sortie-up-stop"));
            var databases = start(stack, invocation, folder, external, port, endpoints.choosePorts());
            await(stack, databases);
            return ExitCode.OK;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return ExitCode.FAILED;
        } finally {
            stack.close();
        }
    }

    private static Databases start(
            Stack stack,
            Invocation invocation,
            DataFolder folder,
            @Nullable DatabaseUrl external,
            int port,
            Endpoints endpoints) {
        var out = invocation.out();
        out.println("Starting Sortie on " + folder.root() + " (process "
                + ProcessHandle.current().pid() + ")");
        var progress = new Progress(out);
        var databases = stack.start(() -> progress.step("PostgreSQL", () -> Databases.open(folder, external, port)));
        databases.warnings().forEach(warning -> out.println("  Warning: " + warning));
        var addresses = new TreeMap<String, String>();
        addresses.put(RunFile.POSTGRESQL, databases.address());
        RunFile.mine("up", RunFile.STARTING, addresses).write(folder);

        for (var service : Databases.SERVICES) {
            progress.step(service + " schema", () -> databases.migrate(service));
        }
        var accounts = Accounts.ensure(folder);
        var services = new Services(invocation.environment(), folder, databases, accounts, endpoints);
        try (var health = new Health()) {
            for (var service : Databases.SERVICES) {
                progress.step(service + "-service", () -> {
                    stack.start(() -> services.start(service));
                    return "gRPC on " + endpoints.grpcAddress(service);
                });
                addresses.put(RunFile.grpcOf(service), endpoints.grpcAddress(service));
                addresses.put(RunFile.httpOf(service), endpoints.httpAddress(service));
            }
            progress.step("readiness", () -> {
                Databases.SERVICES.forEach(
                        service -> health.await(service + "-service", endpoints.httpAddress(service)));
                return "all three servers are ready";
            });
        }
        RunFile.mine("up", RunFile.READY, addresses).write(folder);
        out.println("Sortie is ready after " + progress.elapsed() + ".");
        out.print(welcome(folder, accounts, endpoints));
        out.flush();
        return databases;
    }

    /** How to go on from here; every line can be pasted. */
    private static String welcome(DataFolder folder, Accounts accounts, Endpoints endpoints) {
        var text = new StringBuilder();
        if (accounts.first()) {
            text.append("""

                    The administrator's API token, shown this once and kept in %s:

                      %s
                    """.formatted(folder.adminToken(), accounts.adminToken()));
        } else {
            text.append("\nThe administrator's API token is in " + folder.adminToken() + "\n");
        }
        var address = endpoints.grpcAddress("mission");
        var call = "sortie.mission.v1.MissionService/CreateMission";
        text.append("""

                A first call, with buf or with grpcurl:

                  buf curl --protocol grpc --http2-prior-knowledge \\
                    -H "authorization: Bearer $(cat %1$s)" \\
                    -d '{"mission": {"name": "My first mission"}}' \\
                    http://%2$s/%3$s

                  grpcurl -plaintext -H "authorization: Bearer $(cat %1$s)" \\
                    -d '{"mission": {"name": "My first mission"}}' %2$s %3$s

                Logs are in %4$s. Ctrl-C stops everything.
                """.formatted(quoted(folder.adminToken()), address, call, folder.logs()));
        return text.toString();
    }

    /** A path as a shell takes it. */
    private static String quoted(Path path) {
        var text = path.toString();
        return text.matches("[A-Za-z0-9_@%+=:,./-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }

    private static void stop(Stack stack, Invocation invocation) {
        if (!stack.closed()) {
            invocation.out().println("Stopping …");
            stack.close();
            invocation.out().println("Stopped.");
        }
    }

    /** Waits for a signal to end the JVM. Meanwhile starts the embedded database server again should it end. */
    private static void await(Stack stack, Databases databases) throws InterruptedException {
        var restarts = new ArrayDeque<Instant>();
        while (true) {
            var server = databases.process();
            if (server.isEmpty()) {
                Thread.currentThread().join();
            } else {
                server.get().onExit().join();
            }
            if (stack.closed()) {
                return;
            }
            LOG.error("PostgreSQL ended by itself; see {}", databases.log());
            restarts.removeIf(restart -> restart.isBefore(Instant.now().minus(Duration.ofMinutes(1))));
            if (restarts.size() == MAX_RESTARTS) {
                throw new LocalException("PostgreSQL ends again and again. See " + databases.log());
            }
            restarts.add(Instant.now());
            stack.start(databases::restart);
            LOG.info("PostgreSQL runs again");
        }
    }
}
