package dev.sortie.e2e;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Plays one scenario against running servers; fails with an {@link AssertionError} that names the step. */
final class ScenarioPlayer {

    private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{([^}]+)}");

    private final ContractClient client;
    private final String adminToken;
    private final Consumer<JsonObject> deeds;
    private final Map<String, JsonElement> saved = new HashMap<>();
    private final Map<String, Conversation> conversations = new HashMap<>();

    ScenarioPlayer(ContractClient client, String adminToken) {
        this(client, adminToken, Map.of(), step -> {
            throw new IllegalArgumentException("nobody does " + step.get("do"));
        });
    }

    /**
     * Plays scenarios that do more than make calls.
     *
     * @param values saved from the beginning
     * @param deeds does what a step says by {@code "do"}
     */
    ScenarioPlayer(ContractClient client, String adminToken, Map<String, String> values, Consumer<JsonObject> deeds) {
        this.client = client;
        this.adminToken = adminToken;
        this.deeds = deeds;
        values.forEach((name, value) -> saved.put(name, new JsonPrimitive(value)));
    }

    void play(Scenario scenario) {
        try {
            playAll(scenario);
        } finally {
            conversations.values().forEach(Conversation::close);
        }
    }

    private void playAll(Scenario scenario) {
        for (int i = 0; i < scenario.steps().size(); i++) {
            var step = scenario.steps().get(i);
            try {
                play(step);
            } catch (AssertionError mismatch) {
                throw new AssertionError(
                        "step %d (%s): %s".formatted(i + 1, step.get("say").getAsString(), mismatch.getMessage()),
                        mismatch);
            }
        }
    }

    private void play(JsonObject step) {
        if (step.has("do")) {
            deeds.accept(step);
            return;
        }
        if (step.has("stream")) {
            converse(step);
            return;
        }
        var patience =
                Duration.ofSeconds(step.has("within") ? step.get("within").getAsLong() : 0);
        long end = System.nanoTime() + patience.toNanos();
        var outcomes = attempt(step);
        for (var mismatch = check(step, outcomes); mismatch != null; mismatch = check(step, outcomes)) {
            if (System.nanoTime() >= end) {
                throw mismatch;
            }
            LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
            outcomes = attempt(step);
        }
        save(step, outcomes.getFirst().response());
    }

    private void save(JsonObject step, JsonElement response) {
        if (step.has("save")) {
            for (var entry : step.getAsJsonObject("save").entrySet()) {
                var path = entry.getValue().getAsString();
                var value = at(response, path);
                if (value == null) {
                    throw new AssertionError(path + ": is absent, so it cannot be saved");
                }
                saved.put(entry.getKey(), value);
            }
        }
    }

    /** Says something on a stream, and waits for an answer or for its end. */
    private void converse(JsonObject step) {
        var name = step.get("stream").getAsString();
        if (step.has("call")) {
            conversations.put(name, client.open(step.get("call").getAsString(), service(step), token(caller(step))));
        }
        var conversation = conversations.get(name);
        if (conversation == null) {
            throw new IllegalArgumentException("no stream is open as " + name);
        }
        if (step.has("request")) {
            var request = fill(step.get("request"));
            (request.isJsonArray() ? request.getAsJsonArray().asList() : List.of(request)).forEach(conversation::say);
        }
        if (step.has("close")) {
            conversation.halfClose();
        }
        if (step.has("cut")) {
            conversation.close();
        }
        var expect = step.has("expect") ? fill(step.get("expect")).getAsJsonObject() : new JsonObject();
        if (expect.has("code")) {
            check(expect, conversation.end());
        }
        if (expect.has("message")) {
            var expected = expect.get("message");
            save(step, conversation.take(expected.toString(), message -> isMatch(expected, message)));
        }
    }

    private static boolean isMatch(JsonElement expected, JsonElement actual) {
        try {
            match(expected, actual, "message");
            return true;
        } catch (AssertionError mismatch) {
            return false;
        }
    }

    private static @Nullable String service(JsonObject step) {
        return step.has("at") ? step.get("at").getAsString() : null;
    }

    private static String caller(JsonObject step) {
        return step.has("as") ? step.get("as").getAsString() : "admin";
    }

    private List<Outcome> attempt(JsonObject step) {
        var name = step.get("call").getAsString();
        var at = service(step);
        var token = token(caller(step));
        var request = fill(step.has("request") ? step.get("request") : new JsonObject());
        int take = step.has("take") ? step.get("take").getAsInt() : Integer.MAX_VALUE;
        int times = step.has("times") ? step.get("times").getAsInt() : 1;
        Callable<Outcome> call = () -> client.call(name, at, token, request, take);
        var outcomes = new ArrayList<Outcome>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var calls = new ArrayList<Future<Outcome>>();
            for (int i = 0; i < times; i++) {
                calls.add(threads.submit(call));
            }
            for (var pending : calls) {
                outcomes.add(pending.get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(name + " could not be called", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
        return outcomes;
    }

    private @Nullable AssertionError check(JsonObject step, List<Outcome> outcomes) {
        var expect = step.has("expect") ? fill(step.get("expect")).getAsJsonObject() : new JsonObject();
        try {
            outcomes.forEach(outcome -> check(expect, outcome));
            if (expect.has("same")) {
                var path = expect.get("same").getAsString();
                var values = new HashSet<@Nullable JsonElement>();
                outcomes.forEach(outcome -> values.add(at(outcome.response(), path)));
                if (values.size() != 1) {
                    throw new AssertionError(path + ": " + values.size() + " different values");
                }
            }
            return null;
        } catch (AssertionError mismatch) {
            return mismatch;
        }
    }

    private static void check(JsonObject expect, Outcome outcome) {
        var code = expect.has("code") ? expect.get("code").getAsString() : "OK";
        if (!code.equals(outcome.code())) {
            throw new AssertionError("code: is %s (%s, %s), expected %s"
                    .formatted(outcome.code(), outcome.message(), outcome.reason(), code));
        }
        if (expect.has("reason") && !expect.get("reason").getAsString().equals(outcome.reason())) {
            throw new AssertionError("reason: is %s, expected %s".formatted(outcome.reason(), expect.get("reason")));
        }
        if (expect.has("fields")) {
            var fields = expect.getAsJsonArray("fields").asList().stream()
                    .map(JsonElement::getAsString)
                    .sorted()
                    .toList();
            if (!fields.equals(outcome.fields())) {
                throw new AssertionError("fields: are %s, expected %s".formatted(outcome.fields(), fields));
            }
        }
        if (expect.has("response")) {
            match(expect.get("response"), outcome.response(), "response");
        }
    }

    /** Throws unless {@code actual} holds everything that {@code expected} names. */
    private static void match(JsonElement expected, @Nullable JsonElement actual, String path) {
        if (expected.equals(new JsonPrimitive("<any>"))) {
            if (actual == null) {
                throw new AssertionError(path + ": is absent");
            }
        } else if (actual == null) {
            if (!isDefault(expected)) {
                throw new AssertionError(path + ": is absent, expected " + expected);
            }
        } else if (expected.isJsonArray()) {
            if (!actual.isJsonArray()
                    || actual.getAsJsonArray().size()
                            != expected.getAsJsonArray().size()) {
                throw new AssertionError("%s: is %s, expected %d items"
                        .formatted(path, actual, expected.getAsJsonArray().size()));
            }
            for (int i = 0; i < expected.getAsJsonArray().size(); i++) {
                match(expected.getAsJsonArray().get(i), actual.getAsJsonArray().get(i), path + "[" + i + "]");
            }
        } else if (expected.isJsonObject()) {
            if (!actual.isJsonObject()) {
                throw new AssertionError(path + ": is " + actual + ", expected an object");
            }
            for (var entry : expected.getAsJsonObject().entrySet()) {
                match(entry.getValue(), actual.getAsJsonObject().get(entry.getKey()), path + "." + entry.getKey());
            }
        } else if (!expected.equals(actual)) {
            throw new AssertionError(path + ": is " + actual + ", expected " + expected);
        }
    }

    private static boolean isDefault(JsonElement value) {
        if (value.isJsonArray()) {
            return value.getAsJsonArray().isEmpty();
        }
        return value.isJsonPrimitive() && List.of("", "0", "false").contains(value.getAsString());
    }

    private static @Nullable JsonElement at(JsonElement root, String path) {
        @Nullable JsonElement value = root;
        for (var key : path.split("\\.")) {
            if (value == null || value.isJsonPrimitive() || value.isJsonNull()) {
                return null;
            }
            if (value.isJsonArray()) {
                int index = Integer.parseInt(key);
                var items = value.getAsJsonArray();
                value = index < items.size() ? items.get(index) : null;
            } else {
                value = value.getAsJsonObject().get(key);
            }
        }
        return value;
    }

    private @Nullable String token(String as) {
        return switch (as) {
            case "nobody" -> null;
            case "admin" -> adminToken;
            case "forged" -> adminToken.substring(0, adminToken.length() - 1) + (adminToken.endsWith("A") ? "B" : "A");
            default -> value(as);
        };
    }

    private JsonElement fill(JsonElement template) {
        if (template.isJsonArray()) {
            var filled = new JsonArray();
            template.getAsJsonArray().forEach(item -> filled.add(fill(item)));
            return filled;
        }
        if (template.isJsonObject()) {
            var filled = new JsonObject();
            template.getAsJsonObject().entrySet().forEach(e -> filled.add(e.getKey(), fill(e.getValue())));
            return filled;
        }
        if (template.isJsonPrimitive() && template.getAsJsonPrimitive().isString()) {
            return new JsonPrimitive(PLACEHOLDER
                    .matcher(template.getAsString())
                    .replaceAll(found -> Matcher.quoteReplacement(value(found.group(1)))));
        }
        return template;
    }

    private String value(String name) {
        var parts = name.split(":");
        if (parts[0].equals("repeat")) {
            return parts[1].repeat(Integer.parseInt(parts[2]));
        }
        if (parts[0].equals("uuid")) {
            return saved.computeIfAbsent(
                            name, key -> new JsonPrimitive(UUID.randomUUID().toString()))
                    .getAsString();
        }
        var value = saved.get(name);
        if (value == null) {
            throw new IllegalArgumentException("nothing is saved as " + name);
        }
        return value.getAsString();
    }
}
