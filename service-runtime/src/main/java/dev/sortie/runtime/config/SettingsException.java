package dev.sortie.runtime.config;

import java.util.List;

/** Everything that is wrong with the settings of a process, at once. */
public final class SettingsException extends RuntimeException {
    private final transient List<String> problems;

    SettingsException(List<String> problems) {
        super(String.join(System.lineSeparator(), problems));
        this.problems = List.copyOf(problems);
    }

    /** One sentence per problem, in the order in which the settings were read. */
    public List<String> problems() {
        return problems;
    }
}
