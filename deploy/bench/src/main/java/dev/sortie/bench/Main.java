package dev.sortie.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** {@code sortie bench NAME}: puts load on servers that run already, and prints what they did with it. */
public final class Main {
    private static final String USAGE = """
            usage: sortie bench dispatch --agent HOST:PORT[,HOST:PORT…] --token-file FILE [OPTION…]

              --seconds N      how long each measurement takes (10)
              --repeat N       how often each is made; the median counts (3)
              --workers LIST   how many workers there are (1,16,64,256)
              --pending N      the greater of the two numbers of orders that wait (1000000); 0 leaves that part out
              --only PART      enqueue, unary, batch, latency, pending or idle; more than one with commas

            The servers should be on the machine that is measured, with nothing else to do: `sortie up --data FOLDER`
            starts them with durable settings, and leaves a token in FOLDER/admin.token.
            """;

    private Main() {}

    /** Runs one benchmark. */
    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0
                || !arguments[0].equals("dispatch")
                || List.of(arguments).contains("--help")) {
            System.out.print(USAGE);
            System.exit(arguments.length == 0 ? 2 : 0);
        }
        var options = new HashMap<String, String>();
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
        var token = Files.readString(Path.of(options.getOrDefault("--token-file", "admin.token")))
                .strip();
        var addresses =
                List.of(options.getOrDefault("--agent", "127.0.0.1:7402").split(","));
        try (var servers = new Servers(addresses, token, 4)) {
            run(servers, options);
        }
    }

    private static void run(Servers servers, Map<String, String> options) throws Exception {
        var seconds = Duration.ofSeconds(Long.parseLong(options.getOrDefault("--seconds", "10")));
        int repeat = Integer.parseInt(options.getOrDefault("--repeat", "3"));
        var only = List.of(options.getOrDefault("--only", "enqueue,unary,batch,latency,pending,idle")
                .split(","));
        var bench = new DispatchBench(servers, System.out, seconds);
        new DispatchBench(servers, System.out, Duration.ofSeconds(5)).throughput(64, 1); // warms everybody up
        if (only.contains("enqueue")) {
            bench.print("enqueue, 1 per call, 64 callers", median(repeat, () -> bench.enqueueing(64, 1)));
            bench.print("enqueue, 100 per call, 4 callers", median(repeat, () -> bench.enqueueing(4, 100)));
        }
        if (only.contains("unary")) {
            for (var workers : options.getOrDefault("--workers", "1,16,64,256").split(",")) {
                int count = Integer.parseInt(workers);
                bench.print(
                        "claim + complete, 1 per call, " + count + " workers",
                        median(repeat, () -> bench.throughput(count, 1)));
            }
        }
        if (only.contains("batch")) {
            bench.print("claim + complete, 100 per call, 4 workers", median(repeat, () -> bench.throughput(4, 100)));
        }
        if (only.contains("latency")) {
            bench.print("enqueue to worker, 500/s, 64 workers wait", bench.latency(500, 64));
        }
        long pending = Long.parseLong(options.getOrDefault("--pending", "1000000"));
        if (only.contains("pending") && pending > 0) {
            bench.print("claim, 1,000 pending", bench.claimTime(1_000, 500));
            bench.print("claim, " + pending + " pending", bench.claimTime(pending, 500));
        }
        if (only.contains("idle")) {
            new IdleBench(bench).run(500, seconds);
        }
    }

    private interface Measurement {
        double run() throws Exception;
    }

    private static double median(int repeat, Measurement measurement) throws Exception {
        var found = new ArrayList<Double>();
        for (int i = 0; i < repeat; i++) {
            found.add(measurement.run());
        }
        found.sort(null);
        return found.get(found.size() / 2);
    }
}
