package dev.sortie.runtime.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a process, from command-line flags and, below them, environment variables. {@code SORTIE_GRPC_PORT}
 * is also the flag {@code --grpc-port=7401}. Each is read once, into a record, with a default and bounds; problems are
 * collected, so that {@link #check()} tells all of them at once. Not safe for concurrent use.
 */
public final class Settings {
    private static final String PREFIX = "SORTIE_";

    private final Map<String, String> environment;
    private final Map<String, String> flags = new HashMap<>();
    /** Flags that were given without a value, which only those for true or false can be. */
    private final Set<String> bare = new HashSet<>();

    private final Map<String, Setting> known = new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();

    private record Setting(String name, String description, String defaultText) {}

    private Settings(Map<String, String> environment) {
        this.environment = Map.copyOf(environment);
    }

    /**
     * Settings from an environment and flags.
     *
     * @param environment such as {@code System.getenv()}
     * @param arguments {@code --name=value}, {@code --name value} or {@code --name} (for true, of a {@link #flag})
     */
    public static Settings of(Map<String, String> environment, List<String> arguments) {
        var settings = new Settings(environment);
        for (int i = 0; i < arguments.size(); i++) {
            var argument = arguments.get(i);
            if (!argument.startsWith("--")) {
                settings.problems.add(argument + ": not understood (expected: --name=value)");
                continue;
            }
            int equals = argument.indexOf('=');
            var name = equals < 0 ? argument : argument.substring(0, equals);
            String value;
            if (equals >= 0) {
                value = argument.substring(equals + 1);
            } else if (i + 1 < arguments.size() && !arguments.get(i + 1).startsWith("--")) {
                value = arguments.get(++i);
            } else {
                value = "true";
                settings.bare.add(name);
            }
            settings.flags.put(name, value);
        }
        return settings;
    }

    /** A text that may be left out. */
    public String text(String name, String defaultValue, String description) {
        return read(name, defaultValue, description, value -> value);
    }

    /** A text that must be given. While it is missing, the answer is empty and {@link #check()} fails. */
    public String required(String name, String description) {
        var value = find(name, description, "(required)");
        if (value == null || value.isBlank()) {
            problems.add(name + ": is required (" + description + ")");
            return "";
        }
        return value;
    }

    /**
     * A value that no log may show. Given by {@code NAME}, or by {@code NAME_FILE} naming a file that holds it.
     *
     * @return null when neither is given
     */
    public @Nullable String secret(String name, String description) {
        var direct = find(name, description, "(none)");
        var file = find(name + "_FILE", description + ", read from this file", "(none)");
        if (file == null) {
            return direct == null || direct.isBlank() ? null : direct;
        }
        if (direct != null) {
            problems.add(name + " and " + name + "_FILE: only one of the two may be given");
            return null;
        }
        try {
            return Files.readString(Path.of(file)).strip();
        } catch (IOException | RuntimeException unreadable) {
            problems.add(name + "_FILE: " + file + " (expected: a file this process can read)");
            return null;
        }
    }

    /** A whole number from {@code minimum} to {@code maximum}. */
    public int integer(String name, int defaultValue, int minimum, int maximum, String description) {
        return read(name, defaultValue, description, value -> {
            int number = Integer.parseInt(value);
            if (number < minimum || number > maximum) {
                throw new IllegalArgumentException("expected: " + minimum + " to " + maximum);
            }
            return number;
        });
    }

    /** A TCP port; 0 means any free one. */
    public int port(String name, int defaultValue, String description) {
        return integer(name, defaultValue, 0, 65_535, description);
    }

    /** {@code true} or {@code false}. */
    public boolean flag(String name, boolean defaultValue, String description) {
        bare.remove(flagOf(name));
        return read(name, defaultValue, description, value -> switch (value.toLowerCase(Locale.ROOT)) {
            case "true", "yes", "1" -> true;
            case "false", "no", "0" -> false;
            default -> throw new IllegalArgumentException("expected: true or false");
        });
    }

    /** A time such as {@code 500ms}, {@code 30s}, {@code 5m}, {@code 2h}, {@code 7d}, within bounds. */
    public Duration duration(
            String name, Duration defaultValue, Duration minimum, Duration maximum, String description) {
        return read(name, defaultValue, description, value -> {
            var duration = parseDuration(value);
            if (duration.compareTo(minimum) < 0 || duration.compareTo(maximum) > 0) {
                throw new IllegalArgumentException("expected: " + format(minimum) + " to " + format(maximum));
            }
            return duration;
        });
    }

    /** Adds a problem that a record found by comparing settings with each other. */
    public void problem(String problem) {
        problems.add(problem);
    }

    /**
     * Ends the reading.
     *
     * @throws SettingsException when a value was missing or wrong, or a flag was given that nobody read
     */
    public void check() {
        var all = new ArrayList<>(problems);
        flags.keySet().stream()
                .filter(flag -> known.values().stream()
                        .noneMatch(setting -> flagOf(setting.name).equals(flag)))
                .sorted()
                .forEach(flag -> all.add(flag + ": no such flag (see --help)"));
        if (!all.isEmpty()) {
            throw new SettingsException(all);
        }
    }

    /** One paragraph per setting that was read so far: name, flag, description and default. */
    public String help() {
        var text = new StringBuilder();
        for (var setting : known.values()) {
            text.append("  %s=%s%n      %s [%s]%n"
                    .formatted(flagOf(setting.name), setting.defaultText, setting.description, setting.name));
        }
        return text.toString();
    }

    private <T> T read(String name, T defaultValue, String description, Function<String, T> parse) {
        var value = find(name, description, defaultValue instanceof Duration d ? format(d) : defaultValue.toString());
        if (value == null) {
            return defaultValue;
        }
        try {
            return parse.apply(value.strip());
        } catch (NumberFormatException _) {
            problems.add(name + ": " + value + " (expected: a number)");
        } catch (IllegalArgumentException wrong) {
            problems.add(name + ": " + value + " (" + wrong.getMessage() + ")");
        }
        return defaultValue;
    }

    private @Nullable String find(String name, String description, String defaultText) {
        known.putIfAbsent(name, new Setting(name, description, defaultText));
        var flag = flags.get(flagOf(name));
        if (bare.remove(flagOf(name))) {
            problems.add(flagOf(name) + ": has no value (expected: " + flagOf(name) + "=value)");
        }
        return flag == null ? environment.get(name) : flag;
    }

    private static String flagOf(String name) {
        var bare = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
        return "--" + bare.toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static Duration parseDuration(String value) {
        var unit = value.replaceFirst("^[0-9]+", "");
        if (unit.length() == value.length()) {
            throw new IllegalArgumentException("expected: a time such as 500ms, 30s, 5m, 2h or 7d");
        }
        long amount = Long.parseLong(value.substring(0, value.length() - unit.length()));
        return switch (unit) {
            case "ms" -> Duration.ofMillis(amount);
            case "s" -> Duration.ofSeconds(amount);
            case "m" -> Duration.ofMinutes(amount);
            case "h" -> Duration.ofHours(amount);
            case "d" -> Duration.ofDays(amount);
            default -> throw new IllegalArgumentException("expected: a time such as 500ms, 30s, 5m, 2h or 7d");
        };
    }

    private static String format(Duration duration) {
        if (duration.toMillis() % 1_000 != 0) {
            return duration.toMillis() + "ms";
        }
        long seconds = duration.toSeconds();
        if (seconds != 0 && seconds % 86_400 == 0) {
            return seconds / 86_400 + "d";
        }
        return seconds != 0 && seconds % 3_600 == 0 ? seconds / 3_600 + "h" : seconds + "s";
    }
}
