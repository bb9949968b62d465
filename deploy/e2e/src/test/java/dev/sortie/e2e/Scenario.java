package dev.sortie.e2e;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A scenario file: calls in order, and what must come of them. {@code scenarios/README.md} has the form. */
record Scenario(String title, List<JsonObject> steps) {

    static Scenario read(Path file) {
        try {
            var root = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
            var steps = root.getAsJsonArray("steps").asList().stream()
                    .map(JsonElement::getAsJsonObject)
                    .toList();
            return new Scenario(root.get("scenario").getAsString(), steps);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static List<Scenario> readAll(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".json"))
                    .sorted()
                    .map(Scenario::read)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
