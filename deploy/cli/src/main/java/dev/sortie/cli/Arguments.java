package dev.sortie.cli;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A command line, understood.
 *
 * @param options the values of each option, in their order
 * @param rest what is no option
 */
record Arguments(Map<String, List<String>> options, List<String> rest) {

    /**
     * Takes options apart from the rest; behind {@code --} everything is the rest.
     *
     * @param known the options that take a value: {@code --mission ID} or {@code --mission=ID}
     * @param flags the options that take none
     */
    static Arguments parse(List<String> arguments, Set<String> known, Set<String> flags) {
        var left = new ArrayDeque<>(arguments);
        var options = new LinkedHashMap<String, List<String>>();
        var rest = new ArrayList<String>();
        while (!left.isEmpty()) {
            var argument = left.removeFirst();
            if (argument.equals("--")) {
                rest.addAll(left);
                break;
            }
            if (!argument.startsWith("-") || argument.equals("-")) {
                rest.add(argument);
                continue;
            }
            if (flags.contains(argument)) {
                options.put(argument, List.of(""));
                continue;
            }
            int equals = argument.indexOf('=');
            var name = equals < 0 ? argument : argument.substring(0, equals);
            if (!known.contains(name)) {
                throw new CliException("there is no option " + name + "; see --help");
            }
            var value = equals < 0 ? left.pollFirst() : argument.substring(equals + 1);
            if (value == null) {
                throw new CliException(name + " wants a value; see --help");
            }
            options.computeIfAbsent(name, _ -> new ArrayList<>()).add(value);
        }
        return new Arguments(options, List.copyOf(rest));
    }

    /** Whether an option is given that takes no value. */
    boolean has(String flag) {
        return options.containsKey(flag);
    }

    /** All values of an option that may be given several times. */
    List<String> all(String option) {
        return options.getOrDefault(option, List.of());
    }

    /** The value of an option; the last one counts. */
    Optional<String> last(String option) {
        return all(option).isEmpty()
                ? Optional.empty()
                : Optional.of(all(option).getLast());
    }
}
