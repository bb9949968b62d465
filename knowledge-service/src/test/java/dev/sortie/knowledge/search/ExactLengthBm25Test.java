package dev.sortie.knowledge.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sortie.knowledge.domain.ContextDocument;
import dev.sortie.knowledge.domain.DocumentType;
import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.runtime.paging.PageTokens;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ExactLengthBm25Test {
    @TempDir
    private Path folder;

    @Test
    void scoresAreThoseOfTheFormulaWithTheLengthsAsTheyAre() throws IOException {
        // Lengths that one byte could not tell apart; two words of each are those of the title.
        int[] lengths = {100, 101, 102, 103, 500, 501};
        try (var index = DocumentIndex.create(folder)) {
            var documents = new ArrayList<ContextDocument>();
            for (int length : lengths) {
                documents.add(document("gear" + " filler".repeat(length - 3)));
            }
            documents.add(document("nothing of it"));
            index.put(documents);
            index.refresh();

            var scores = scores(index, "gear");

            // Content, and the title "t" twice; of the last one, two words are stop words.
            double average = (100 + 101 + 102 + 103 + 500 + 501 + 3) / 7.0;
            double idf = Math.log(1 + (7 - 6 + 0.5) / (6 + 0.5));
            for (int i = 0; i < lengths.length; i++) {
                double expected = idf / (1 + 1.2 * (0.25 + 0.75 * lengths[i] / average));
                assertThat(scores.get(documents.get(i).id()))
                        .as("length %d", lengths[i])
                        .isCloseTo((float) expected, within(1e-6f));
            }
            assertThat(scores).hasSize(6);
        }
    }

    @Test
    void aWordThatTheQueryRepeatsCountsAgain() throws IOException {
        try (var index = DocumentIndex.create(folder)) {
            var document = document("gear");
            index.put(List.of(document));
            index.refresh();

            assertThat(scores(index, "gear gears").get(document.id()))
                    .isCloseTo(2 * scores(index, "gear").get(document.id()), within(1e-6f));
        }
    }

    private static HashMap<UUID, Float> scores(DocumentIndex index, String text) throws IOException {
        var page = new PageTokens(new byte[32]).open(QueryRequest.getDefaultInstance(), 100, 100);
        var scores = new HashMap<UUID, Float>();
        try (var searcher = index.searcher()) {
            new DocumentSearch(searcher.search(), () -> false)
                    .find(new SearchQuery(text, List.of(), List.of(), "", page))
                    .page()
                    .items()
                    .forEach(hit -> scores.put(hit.document().id(), hit.score()));
        }
        return scores;
    }

    private static ContextDocument document(String content) {
        return new ContextDocument(
                UUID.randomUUID(),
                "t",
                DocumentType.GUIDE,
                content,
                "",
                List.of(),
                "{}",
                null,
                1,
                Instant.EPOCH,
                Instant.EPOCH,
                null,
                1);
    }
}
