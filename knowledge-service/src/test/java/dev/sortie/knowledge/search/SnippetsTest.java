package dev.sortie.knowledge.search;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.knowledge.search.Snippets.Occurrence;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

final class SnippetsTest {
    private static final double[] EQUAL = {1, 1, 1};

    @Test
    void nothingFoundIsNoPassage() {
        assertThat(Snippets.of("some text", List.of(), EQUAL)).isEmpty();
        assertThat(Snippets.of("", List.of(), EQUAL)).isEmpty();
    }

    @Test
    void aShortTextIsShownWhole() {
        var snippets = of("The gear is down.", "gear", "down");

        assertThat(snippets).containsExactly(snippet("The gear is down.", 4, 8, 12, 16));
    }

    @Test
    void aPassageBeginsWithItsSentenceOrLineAndEndsWithAWord() {
        var text = "First line of the text\nSecond one, rather. Here the gear comes down slowly "
                + "and on it goes ".repeat(20);

        var snippet = of(text, "gear").getFirst();

        assertThat(snippet.text())
                .startsWith("Here the gear comes")
                .matches("(?s).* (and|on|it|goes)")
                .hasSizeBetween(150, 200);
    }

    @Test
    void passagesWithMoreAndRarerWordsComeFirst() {
        var far = " filler".repeat(60) + " ";
        var text = "alpha" + far + "alpha beta" + far + "gamma" + far + "alpha" + far + "alpha";

        var snippets = Snippets.of(text, occurrences(text, "alpha", "beta", "gamma"), new double[] {1, 1, 5});

        assertThat(snippets).hasSize(3);
        assertThat(snippets.get(1).text()).contains("alpha beta");
        assertThat(snippets.get(2).text()).contains("gamma");
    }

    @Test
    void wordsThatOverlapAreHighlightedOnce() {
        var snippets = Snippets.of(
                "landing gear",
                List.of(new Occurrence(0, 12, 0), new Occurrence(8, 12, 1), new Occurrence(0, 7, 2)),
                EQUAL);

        assertThat(snippets).containsExactly(snippet("landing gear", 0, 12));
    }

    @Test
    void textWithoutAnySpaceIsCutBetweenCodePoints() {
        var text = "🛩".repeat(500) + "gear" + "🛬".repeat(500);

        var snippet = of(text, "gear").getFirst();

        assertThat(snippet.text().codePoints()).allMatch(point -> point > 0xFFFF || point < 0xD800);
        assertThat(snippet.text()).contains("gear").hasSizeLessThan(300);
        var highlight = snippet.highlights().getFirst();
        assertThat(highlight.end() - highlight.start()).isEqualTo(4);
    }

    @Test
    void whateverTheTextPassagesAreOfItAndHighlightsAreTheWords() {
        var random = new Random(7);
        var pieces = List.of("gear", "wing", " ", "  ", "\n", ". ", "🛩", "flap", "x".repeat(90), "é", "\t", "gears");
        for (int round = 0; round < 2_000; round++) {
            var text = new StringBuilder();
            for (int i = random.nextInt(120); i >= 0; i--) {
                text.append(pieces.get(random.nextInt(pieces.size())));
            }
            var content = text.toString();

            var snippets = of(content, "gear", "wing");

            assertThat(snippets).hasSizeLessThanOrEqualTo(3);
            assertThat(snippets.isEmpty()).isEqualTo(!content.contains("gear") && !content.contains("wing"));
            int from = 0;
            for (var snippet : snippets) {
                int at = content.indexOf(snippet.text(), from);
                assertThat(at).as("in order and without overlap: %s", content).isNotNegative();
                from = at + 1;
                assertThat(snippet.highlights()).isNotEmpty();
                assertThat(snippet.text()).isEqualTo(snippet.text().strip()).hasSizeLessThanOrEqualTo(202);
                int end = 0;
                for (var highlight : snippet.highlights()) {
                    assertThat(highlight.start()).isGreaterThanOrEqualTo(end);
                    end = highlight.end();
                    assertThat(snippet.text()
                                    .substring(
                                            snippet.text().offsetByCodePoints(0, highlight.start()),
                                            snippet.text().offsetByCodePoints(0, end)))
                            .isIn("gear", "wing");
                }
            }
        }
    }

    private static List<Snippet> of(String text, String... words) {
        return Snippets.of(text, occurrences(text, words), EQUAL);
    }

    private static List<Occurrence> occurrences(String text, String... words) {
        var occurrences = new ArrayList<Occurrence>();
        for (int word = 0; word < words.length; word++) {
            int number = word;
            Pattern.compile(Pattern.quote(words[word]))
                    .matcher(text)
                    .results()
                    .forEach(match -> occurrences.add(new Occurrence(match.start(), match.end(), number)));
        }
        return occurrences;
    }

    private static Snippet snippet(String text, int... bounds) {
        var highlights = new ArrayList<Snippet.Highlight>();
        for (int i = 0; i < bounds.length; i += 2) {
            highlights.add(new Snippet.Highlight(bounds[i], bounds[i + 1]));
        }
        return new Snippet(text, highlights);
    }
}
