package dev.sortie.mission.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What README.md says of the schema.
 *
 * @param text all of it
 * @param columns the rows of its table of columns
 * @param named the rows of its table of constraints and indexes
 */
record SchemaTable(String text, List<Column> columns, List<Named> named) {
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");

    /**
     * Where a column is shown.
     *
     * @param source the documents and names that it is from
     * @param message the cell of the message field: it, or why there is none
     * @param test the cell of the test
     */
    record Column(String source, String table, String column, String message, String test) {
        String path() {
            return table + "." + column;
        }

        /** The message fields, as {@code Message.field}. */
        List<String> fields() {
            return codes(message);
        }

        List<String> tests() {
            return codes(test);
        }
    }

    /**
     * A constraint or an index.
     *
     * @param kind CHECK, FOREIGN KEY, PRIMARY KEY, UNIQUE or INDEX
     * @param about the columns, and what else there is to it
     */
    record Named(String table, String name, String kind, String about) {
        /** As a row of the table. */
        String row() {
            return "| – | `%s` | `%s` | %s | `%s` |".formatted(name, table, kind, about.replace("|", "\\|"));
        }
    }

    static SchemaTable read() {
        try {
            return parse(Files.readString(Path.of("README.md")));
        } catch (IOException absent) {
            throw new UncheckedIOException(absent);
        }
    }

    static SchemaTable parse(String text) {
        var columns = new ArrayList<Column>();
        var named = new ArrayList<Named>();
        for (var line : text.lines().filter(line -> line.startsWith("| ")).toList()) {
            // A bar within a cell is written \|.
            var cells = Arrays.stream(line.replaceAll("^\\| | \\|$", "").split(" (?<!\\\\)\\| "))
                    .map(cell -> cell.strip().replace("\\|", "|"))
                    .toList();
            if (cells.size() == 4 && cells.get(1).matches("`[a-z_]+\\.[a-z_]+`")) {
                var column = codes(cells.get(1)).getFirst().split("\\.");
                columns.add(new Column(cells.get(0), column[0], column[1], cells.get(2), cells.get(3)));
            } else if (cells.size() == 5 && cells.get(1).startsWith("`")) {
                named.add(new Named(
                        codes(cells.get(2)).getFirst(),
                        codes(cells.get(1)).getFirst(),
                        cells.get(3),
                        codes(cells.get(4)).getFirst()));
            }
        }
        return new SchemaTable(text, columns, named);
    }

    private static List<String> codes(String cell) {
        return CODE.matcher(cell).results().map(match -> match.group(1)).toList();
    }
}
