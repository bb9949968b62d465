package dev.sortie.mission.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class AssetContentTest {
    private static final int LONG = 1 << 18;

    @Test
    void countsTokensOfText() {
        assertThat(text("hello world").tokenCount()).isEqualTo(2);
        assertThat(text("").tokenCount()).isZero();
        assertThat(AssetContent.of("null", "null").tokenCount()).isOne();
    }

    @Test
    void takesTextThatLooksLikeAControlTokenAsText() {
        assertThat(text("<|endoftext|>").tokenCount()).isGreaterThan(1);
    }

    @Test
    void summarizesByTheBeginning() {
        assertThat(text("short").summary()).isEqualTo("short");
        assertThat(text("").summary()).isEmpty();
        assertThat(text("x".repeat(500)).summary()).isEqualTo("x".repeat(500));
        var satellites = text("🛰".repeat(501)).summary();
        assertThat(satellites).isEqualTo("🛰".repeat(499) + "…");
    }

    @Test
    void measuresLongTextOfWhateverKind() {
        var random = new Random(7);
        var texts = Map.of(
                "one letter", "a".repeat(LONG),
                "spaces", " ".repeat(LONG),
                "line ends", "\n".repeat(LONG),
                "digits", "7".repeat(LONG),
                "punctuation", "!".repeat(LONG),
                "ideographs", "語".repeat(LONG / 3),
                "emoji", "🛰".repeat(LONG / 4),
                "lone surrogates", "\ud83d".repeat(LONG / 3),
                "letters at random",
                        random.ints(LONG, 'a', 'z' + 1)
                                .mapToObj(letter -> String.valueOf((char) letter))
                                .collect(Collectors.joining()),
                "anything at random",
                        random.ints(LONG / 3, 32, 0xD000)
                                .mapToObj(Character::toString)
                                .collect(Collectors.joining()));
        texts.forEach((kind, content) ->
                assertThat(text(content).tokenCount()).as(kind).isPositive());
    }

    private static AssetContent text(String text) {
        return AssetContent.of("\"…\"", text);
    }
}
