package dev.sortie.bench;

import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** {@code sortie bench NAME}: puts load on servers that run already, and prints what they did with it. */
public final class Main {
    private static final String PARTS = "echo,enqueue,unary,batch,latency,pending,idle";
    private static final String PEERS_DATABASE = "sortie_bench_peers";
    private static final String USAGE = """
            usage: sortie bench dispatch --data FOLDER [OPTION…]
                   sortie bench logs --data FOLDER [OPTION…]
                   sortie bench dispatch|logs --agent HOST:PORT[,HOST:PORT…] --token-file FILE [OPTION…]

              --data FOLDER    the data folder of `sortie up`: tells where everything is
              --database URL   the same PostgreSQL, as a role that may do anything; the other queues use it, too
              --seconds N      how long each measurement takes (10)
              --repeat N       how often each is made, one after the other in turn; the median counts (3)
              --workers LIST   how many workers there are (1,16,64,256)
              --pending N      the greater of the two numbers of orders that wait (1000000)
              --long N         seconds that orders flow without a break (120), for the part `long`
              --only PARTS     of echo, enqueue, unary, batch, latency, pending, idle, long; all but `long` if not given
              --peers yes|no   whether other queues are measured beside it (yes, where there is a database)
              --pgmq FILE      pgmq's SQL, to measure it too
              --node FOLDER    where the other queues' package.json lies, after `npm ci` (deploy/bench/peers)

            Of these, `logs` knows the first ones, up to --repeat, and
              --tail HOST:PORT  another replica of agent-service, at which logs are followed (the same)

            The servers should be on the machine that is measured, with nothing else to do: `sortie up --data FOLDER`
            starts them with durable settings.
            """;

    private final Target target;
    private final Map<String, String> options;
    private final Set<String> parts;
    private final Duration seconds;
    private final int repeat;
    private final Servers servers;
    private final DispatchBench bench;
    private final Cpu cpu;

    private Main(Target target, Servers servers, Map<String, String> options) {
        this.target = target;
        this.options = options;
        this.parts = Set.of(options.getOrDefault("--only", PARTS).split(","));
        this.seconds = Duration.ofSeconds(number("--seconds", 10));
        this.repeat = (int) number("--repeat", 3);
        this.servers = servers;
        this.cpu = new Cpu(target);
        this.bench = new DispatchBench(target, servers, cpu, seconds);
    }

    /** Runs one benchmark. */
    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0
                || !List.of("dispatch", "logs").contains(arguments[0])
                || List.of(arguments).contains("--help")) {
            System.out.print(USAGE);
            System.exit(arguments.length == 0 ? 2 : 0);
        }
        var options = new HashMap<String, String>();
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
        var target = Target.of(options);
        try (var servers = new Servers(target.agents(), target.token(), 4)) {
            var main = new Main(target, servers, options);
            if (arguments[0].equals("logs")) {
                main.logs();
            } else {
                main.run();
            }
        }
    }

    private void run() throws Exception {
        new Surroundings(target).print();
        new DispatchBench(target, servers, cpu, Duration.ofSeconds(5)).throughput(64, 1); // warms everybody up
        boolean peers = target.database() != null
                && !options.getOrDefault("--peers", "yes").equals("no");
        if (peers) {
            makePeersDatabase();
        }
        if (parts.contains("echo")) {
            echo();
        }
        if (parts.contains("unary")) {
            unary(peers);
        }
        if (parts.contains("batch")) {
            batch(peers);
        }
        if (parts.contains("enqueue")) {
            enqueue(peers);
        }
        if (parts.contains("latency")) {
            latency();
        }
        if (parts.contains("idle")) {
            System.out.println("\n| idle | statements/s | transactions/s | of a core: servers | PostgreSQL |");
            System.out.println("| --- | ---: | ---: | ---: | ---: |");
            new IdleBench(target, bench).run(500, seconds.multipliedBy(3));
        }
        if (parts.contains("long")) {
            new LongRun(target, servers, bench).run(Duration.ofSeconds(number("--long", 120)));
        }
        if (parts.contains("pending")) {
            pending();
        }
        if (peers) {
            dropPeersDatabase();
        }
    }

    private void logs() throws Exception {
        new Surroundings(target).print();
        var tail = options.get("--tail");
        try (var other = new Servers(tail == null ? List.of() : List.of(tail), target.token(), 1)) {
            var tails = tail == null ? servers : other;
            new LogBench(target, servers, tails, bench, cpu, Duration.ofSeconds(5)).streams(8, 1_000); // warms up
            new LogBench(target, servers, tails, bench, cpu, seconds).run(repeat);
        }
    }

    /** What the load generator can do when the server does nothing. */
    private void echo() throws Exception {
        var calls = new Measured();
        for (int i = 0; i < repeat; i++) {
            calls.add(EchoBench.perSecond(servers, 64, seconds.dividedBy(2)));
        }
        System.out.printf(
                Locale.ROOT,
                "%nLoad generator: %.0f calls/s that the server answers at once, 64 callers (%.0f to %.0f).%n",
                calls.median(),
                calls.least(),
                calls.most());
    }

    private void enqueue(boolean peers) throws Exception {
        var one = new Comparison("orders placed, 1 per call", bench::use);
        one.addReference("Sortie, 64 callers", () -> bench.enqueueing(64, 1));
        if (peers) {
            one.add(PgbenchPeer.placing(target, PEERS_DATABASE, false), seconds);
        }
        one.run(repeat);
        var many = new Comparison("orders placed, 100 per call", bench::use);
        many.addReference("Sortie, 4 callers", () -> bench.enqueueing(4, 100));
        if (peers) {
            many.add(PgbenchPeer.placing(target, PEERS_DATABASE, true), seconds);
        }
        many.run(repeat);
    }

    private void unary(boolean peers) throws Exception {
        var comparison = new Comparison("orders claimed and completed, 1 per call", bench::use);
        for (var workers : options.getOrDefault("--workers", "1,16,64,256").split(",")) {
            int count = Integer.parseInt(workers);
            var name = "Sortie, " + count + (count == 1 ? " worker" : " workers");
            if (count == 64) {
                comparison.addReference(name, () -> bench.throughput(count, 1));
            } else {
                comparison.add(name, () -> bench.throughput(count, 1));
            }
        }
        comparison.add("Sortie, 64 sessions, 1 credit", () -> bench.sessions(64, 1));
        if (peers) {
            comparison.add(PgbenchPeer.plain(target, PEERS_DATABASE, false), seconds);
            comparison.add(PgbenchPeer.pgmq(target, PEERS_DATABASE, pgmq(), false), seconds);
            comparison.add(node("graphile-worker", false, "64 jobs at once, no batching", 12_000), seconds);
            comparison.add(node("pg-boss", false, "1 per fetch, 64 at once", 500), seconds);
            comparison.add(new DbSchedulerPeer(target, PEERS_DATABASE), seconds);
        }
        comparison.run(repeat);
    }

    private void batch(boolean peers) throws Exception {
        var comparison = new Comparison("orders claimed and completed, many per call", bench::use);
        comparison.addReference("Sortie, 100 per call, 4 workers", () -> bench.throughput(4, 100));
        comparison.add("Sortie, 4 sessions, 100 credits", () -> bench.sessions(4, 100));
        comparison.add("Sortie, 16 sessions, 50 credits", () -> bench.sessions(16, 50));
        if (peers) {
            comparison.add(PgbenchPeer.plain(target, PEERS_DATABASE, true), seconds);
            comparison.add(PgbenchPeer.pgmq(target, PEERS_DATABASE, pgmq(), true), seconds);
            comparison.add(node("graphile-worker", true, "local queue of 500, batched completion", 40_000), seconds);
            comparison.add(node("pg-boss", true, "100 per fetch, 4 at once", 10_000), seconds);
        }
        comparison.run(repeat);
    }

    private void latency() throws Exception {
        System.out.println("\n| placed → a worker has it | p50 | p99 | orders |");
        System.out.println("| --- | ---: | ---: | ---: |");
        for (int i = 0; i < repeat; i++) {
            bench.latency(500, 64).print("500/s, 64 workers wait");
        }
    }

    private void pending() throws Exception {
        long many = number("--pending", 1_000_000);
        System.out.println("\n| claim of one order by one worker | p50 | p99 | claims |");
        System.out.println("| --- | ---: | ---: | ---: |");
        bench.claimTime(1_000, 800).print("1,000 pending");
        bench.claimTime(many, 800).print(String.format(Locale.ROOT, "%,d pending", many));
        bench.claimTime(1_000, 800).print("1,000 pending, beside those");
    }

    private Peer node(String name, boolean many, String how, int ordersPerSecond) {
        var folder =
                Path.of(options.getOrDefault("--node", System.getProperty("sortie.home", ".") + "/deploy/bench/peers"));
        return new NodePeer(target, PEERS_DATABASE, folder, name, many, how, ordersPerSecond);
    }

    private @Nullable Path pgmq() {
        var file = options.get("--pgmq");
        return file == null ? null : Path.of(file);
    }

    private void makePeersDatabase() throws SQLException {
        dropPeersDatabase();
        administer("CREATE DATABASE " + PEERS_DATABASE);
    }

    private void dropPeersDatabase() throws SQLException {
        administer("DROP DATABASE IF EXISTS " + PEERS_DATABASE + " WITH (FORCE)");
    }

    private void administer(String... statements) throws SQLException {
        try (var connection = target.connect("postgres");
                var statement = connection.createStatement()) {
            for (var one : Arrays.asList(statements)) {
                statement.execute(one);
            }
        }
    }

    private long number(String option, long otherwise) {
        return Long.parseLong(options.getOrDefault(option, Long.toString(otherwise)));
    }
}
