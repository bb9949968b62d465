package dev.sortie.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What a measurement was made on. */
final class Surroundings {
    private static final String SETTINGS = """
            SELECT string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name)
            FROM unnest(ARRAY['fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', 'shared_buffers',
                'max_wal_size', 'autovacuum', 'wal_level']) AS name
            """;

    private final Target target;

    Surroundings(Target target) {
        this.target = target;
    }

    void print() throws Exception {
        System.out.println("Java " + Runtime.version() + ", "
                + Runtime.getRuntime().availableProcessors() + " processors" + processor() + ", load " + load());
        if (target.database() != null) {
            System.out.println("PostgreSQL " + query("SHOW server_version") + ": " + query(SETTINGS));
        }
        for (var program : List.of("pgbench", "node")) {
            if (Programs.has(program)) {
                System.out.println(program + ": "
                        + Programs.run(List.of(program, "--version"), Map.of(), Duration.ofSeconds(20))
                                .strip());
            }
        }
    }

    private String query(String sql) throws SQLException {
        try (var connection = target.connect("postgres");
                var statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static String processor() {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .findFirst()
                    .map(line -> " (" + line.substring(line.indexOf(':') + 1).strip() + ")")
                    .orElse("");
        } catch (IOException elsewhere) {
            return "";
        }
    }

    private static String load() throws IOException {
        var file = Path.of("/proc/loadavg");
        return Files.exists(file) ? Files.readString(file).split(" ")[0] : "unknown";
    }
}
