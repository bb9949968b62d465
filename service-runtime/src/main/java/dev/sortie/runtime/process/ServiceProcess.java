package dev.sortie.runtime.process;

import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.config.SettingsException;
import dev.sortie.runtime.sql.Migrations;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/** The command line of a service: {@code [serve|migrate|its own|--help|--version] [--setting=value …]}. */
public final class ServiceProcess {
    /** All went well. */
    public static final int OK = 0;
    /** It failed. */
    public static final int FAILED = 1;
    /** It was called in a wrong way: an unknown command, or wrong settings. */
    public static final int USAGE = 2;

    private final ServiceIdentity identity;
    private final Program<?> program;
    private final PrintStream out;
    private final PrintStream err;

    /** What is particular to a service. */
    public interface Program<C> {
        /** Reads the service's settings. */
        C read(Settings settings);

        /** Starts the service; returns once it listens. Closing it drains it. */
        AutoCloseable start(C settings) throws Exception;

        /** What can be done besides serving and migrating. */
        default List<Command<?>> commands() {
            return List.of();
        }
    }

    /** A command of a service's own. */
    public interface Command<C> {
        /** How it is called. */
        String name();

        /** What it does, in one line. */
        String summary();

        /** What it does, in as many lines as that takes. */
        String about();

        /** Reads its settings. */
        C read(Settings settings);

        /**
         * Runs it to its end.
         *
         * @param out for people
         * @return whether all went well
         */
        boolean run(C settings, PrintStream out) throws Exception;
    }

    public ServiceProcess(ServiceIdentity identity, Program<?> program, PrintStream out, PrintStream err) {
        this.identity = identity;
        this.program = program;
        this.out = out;
        this.err = err;
    }

    /** What {@code main} does: runs the command and ends the process with its exit code. */
    public static void main(
            ServiceIdentity identity, Program<?> program, Map<String, String> environment, String[] arguments) {
        var process = new ServiceProcess(identity, program, System.out, System.err);
        System.exit(process.run(environment, Arrays.asList(arguments)));
    }

    /** Runs a command to its end; {@code serve} ends with SIGTERM or SIGINT. */
    public int run(Map<String, String> environment, List<String> arguments) {
        boolean named = !arguments.isEmpty() && !arguments.getFirst().startsWith("--");
        var command = named ? arguments.getFirst() : "serve";
        var flags = named ? arguments.subList(1, arguments.size()) : arguments;
        var own = program.commands().stream()
                .filter(one -> one.name().equals(command))
                .findFirst();
        if (flags.contains("--help") || command.equals("help")) {
            return own.map(this::help).orElseGet(this::help);
        }
        if (flags.contains("--version")) {
            out.println(identity.name() + " " + version());
            return OK;
        }
        var settings = Settings.of(environment, flags);
        try {
            if (own.isPresent()) {
                return runOwn(own.get(), settings) ? OK : FAILED;
            }
            switch (command) {
                case "serve" -> serve(program, settings);
                case "migrate" -> migrate(settings);
                default -> {
                    err.println(command + ": no such command (expected: " + names() + "--help or --version)");
                    return USAGE;
                }
            }
            return OK;
        } catch (SettingsException wrong) {
            err.println("The settings are wrong:");
            wrong.problems().forEach(problem -> err.println("  " + problem));
            return USAGE;
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return FAILED;
        } catch (Exception failed) {
            LoggerFactory.getLogger(ServiceProcess.class).error("{} failed", identity.name(), failed);
            return FAILED;
        }
    }

    private <C> void serve(Program<C> ofService, Settings settings) throws Exception {
        C read = ofService.read(settings);
        settings.check();
        var stopping = new CountDownLatch(1);
        var stopped = new CountDownLatch(1);
        var hook = new Thread(() -> {
            stopping.countDown();
            try {
                stopped.await(); // the process ends when its hooks have
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
        });
        var running = ofService.start(read);
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            stopping.await();
        } finally {
            try {
                running.close();
            } finally {
                stopped.countDown();
            }
        }
    }

    private <C> boolean runOwn(Command<C> command, Settings settings) throws Exception {
        C read = command.read(settings);
        settings.check();
        return command.run(read, out);
    }

    private String names() {
        return Stream.concat(
                        Stream.of("serve", "migrate"),
                        program.commands().stream().map(Command::name))
                .map(name -> name + ", ")
                .collect(Collectors.joining());
    }

    private int help(Command<?> command) {
        var settings = Settings.of(Map.of(), List.of());
        command.read(settings);
        out.println(identity.name() + " " + command.name() + " [--setting=value …]");
        out.println();
        out.println(command.about());
        out.println("Settings, as flags or environment variables; a flag wins:");
        out.println();
        out.print(settings.help());
        return OK;
    }

    private void migrate(Settings settings) {
        var owner = settings.secret("SORTIE_MIGRATION_DATABASE_URL", "PostgreSQL of the owner role, which may run DDL");
        var runtime =
                settings.secret("SORTIE_DATABASE_URL", "PostgreSQL of the runtime role, which is granted its rights");
        if (owner == null || runtime == null) {
            settings.problem("SORTIE_MIGRATION_DATABASE_URL and SORTIE_DATABASE_URL: both are required to migrate");
        }
        settings.check();
        identity.migrations()
                .migrate(Objects.requireNonNull(owner), Migrations.roleOf(Objects.requireNonNull(runtime)));
        out.println(identity.name() + ": the database is up to date");
    }

    private int help() {
        var settings = Settings.of(Map.of(), List.of());
        program.read(settings);
        settings.secret(
                "SORTIE_MIGRATION_DATABASE_URL", "for migrate: PostgreSQL of the owner role, which may run DDL");
        var names = names().replace(", ", " | ");
        out.println(identity.name() + " [" + names + "--help | --version] [--setting=value …]");
        out.println();
        out.println("serve    answers calls until it is stopped (the default)");
        out.println("migrate  brings the database up to the schema of this release");
        program.commands()
                .forEach(command -> out.println(
                        command.name() + "  " + command.summary() + " (see " + command.name() + " --help)"));
        out.println();
        out.println("Settings, as flags or environment variables; a flag wins:");
        out.println();
        out.print(settings.help());
        return OK;
    }

    private static String version() {
        var version = ServiceProcess.class.getPackage().getImplementationVersion();
        return version == null ? "0.1.0-SNAPSHOT" : version;
    }
}
