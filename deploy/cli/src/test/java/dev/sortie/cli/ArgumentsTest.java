package dev.sortie.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ArgumentsTest {

    private static final Set<String> KNOWN = Set.of("--mission", "--category");
    private static final Set<String> FLAGS = Set.of("--quiet");

    @Test
    void takesOptionsApartFromTheRest() {
        var arguments = Arguments.parse(
                List.of(
                        "a.xml",
                        "--category",
                        "unit",
                        "--mission=47",
                        "--category=load=Load*",
                        "-",
                        "--quiet",
                        "--",
                        "--b.xml"),
                KNOWN,
                FLAGS);
        assertThat(arguments.has("--quiet")).isTrue();
        assertThat(arguments.rest()).containsExactly("a.xml", "-", "--b.xml");
        assertThat(arguments.all("--category")).containsExactly("unit", "load=Load*");
        assertThat(arguments.last("--mission")).contains("47");
        assertThat(Arguments.parse(List.of(), KNOWN, FLAGS).last("--mission")).isEmpty();
    }

    @Test
    void refusesWhatItDoesNotKnowAndOptionsWithoutAValue() {
        assertThatThrownBy(() -> Arguments.parse(List.of("--color", "red"), KNOWN, FLAGS))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("--color");
        assertThatThrownBy(() -> Arguments.parse(List.of("--mission"), KNOWN, FLAGS))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("wants a value");
    }
}
