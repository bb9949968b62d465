package dev.sortie.knowledge.search;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import dev.sortie.knowledge.domain.ContextDocument;
import dev.sortie.knowledge.domain.DocumentType;
import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.paging.PageTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How well the ranking does on judged collections: prints nDCG@10, MAP and recall@100. Not part of the ordinary run,
 * because the collections are not part of the project:
 *
 * <pre>{@code
 * SORTIE_COLLECTIONS=FOLDER ./sortie test -pl knowledge-service -am -Dtest=RankingEvaluation
 * }</pre>
 *
 * FOLDER holds a folder per collection with {@code corpus.jsonl} ({@code _id}, {@code title}, {@code text}), {@code
 * queries.jsonl} ({@code _id}, {@code text}) and {@code qrels.tsv} (query, document, score).
 */
final class RankingEvaluation {
    private static final int DEPTH = 1_000;

    private record Text(String id, String title, String text) {}

    private record Figures(int queries, double ndcg, double averagePrecision, double recall) {}

    @TempDir
    Path folder;

    @Test
    void printsHowWellJudgedCollectionsAreRanked() throws IOException {
        var collections = System.getenv("SORTIE_COLLECTIONS");
        assertThat(collections)
                .as("SORTIE_COLLECTIONS names the folder of the collections")
                .isNotBlank();
        System.out.printf("%-20s %8s %8s %8s %8s%n", "collection", "queries", "nDCG@10", "MAP", "R@100");
        try (var folders = Files.list(Path.of(collections)).sorted()) {
            for (var collection : folders.filter(path -> Files.exists(path.resolve("qrels.tsv")))
                    .toList()) {
                var figures = evaluate(collection);
                System.out.printf(
                        "%-20s %8d %8.4f %8.4f %8.4f%n",
                        collection.getFileName(),
                        figures.queries,
                        figures.ndcg,
                        figures.averagePrecision,
                        figures.recall);
            }
        }
    }

    private Figures evaluate(Path collection) throws IOException {
        var relevant = relevant(collection.resolve("qrels.tsv"));
        var ids = new HashMap<UUID, String>();
        try (var index = DocumentIndex.create(folder.resolve(collection.getFileName()))) {
            for (var text : texts(collection.resolve("corpus.jsonl"))) {
                var document = document(text);
                ids.put(document.id(), text.id);
                index.put(List.of(document));
            }
            index.refresh();
            var sum = new double[3];
            int judged = 0;
            for (var question : texts(collection.resolve("queries.jsonl"))) {
                var wanted = relevant.getOrDefault(question.id, Set.of());
                if (wanted.isEmpty()) {
                    continue;
                }
                judged++;
                add(sum, find(index, question.text).stream().map(ids::get).toList(), wanted);
            }
            return new Figures(judged, sum[0] / judged, sum[1] / judged, sum[2] / judged);
        }
    }

    private static List<UUID> find(DocumentIndex index, String text) throws IOException {
        var page = new PageTokens(new byte[32])
                .open(QueryRequest.newBuilder().setPageSize(DEPTH).build(), DEPTH, DEPTH);
        try (var searcher = index.searcher()) {
            return new DocumentSearch(searcher.search(), () -> false)
                    .find(new SearchQuery(text, List.of(), List.of(), "", page)).page().items().stream()
                            .map(hit -> hit.document().id())
                            .toList();
        }
    }

    private static void add(double[] sum, List<String> ranked, Set<String> wanted) {
        double gain = 0;
        double best = 0;
        double precisions = 0;
        int found = 0;
        for (int rank = 1; rank <= Math.max(10, ranked.size()); rank++) {
            double discounted = Math.log(2) / Math.log(rank + 1);
            best += rank <= Math.min(10, wanted.size()) ? discounted : 0;
            if (rank > ranked.size() || !wanted.contains(ranked.get(rank - 1))) {
                continue;
            }
            found++;
            precisions += (double) found / rank;
            gain += rank <= 10 ? discounted : 0;
        }
        sum[0] += gain / best;
        sum[1] += precisions / wanted.size();
        sum[2] += (double) ranked.stream().limit(100).filter(wanted::contains).count() / wanted.size();
    }

    private static Map<String, Set<String>> relevant(Path file) throws IOException {
        var relevant = new HashMap<String, Set<String>>();
        for (var line :
                Files.readAllLines(file).subList(1, Files.readAllLines(file).size())) {
            var columns = line.split("\t");
            if (Integer.parseInt(columns[2]) > 0) {
                relevant.computeIfAbsent(columns[0], _ -> new HashSet<>()).add(columns[1]);
            }
        }
        return relevant;
    }

    private static List<Text> texts(Path file) throws IOException {
        var texts = new ArrayList<Text>();
        for (var line : Files.readAllLines(file)) {
            var json = Messages.struct(line);
            texts.add(new Text(text(json, "_id"), text(json, "title"), text(json, "text")));
        }
        return texts;
    }

    private static String text(Struct json, String name) {
        return json.containsFields(name) ? json.getFieldsOrThrow(name).getStringValue() : "";
    }

    private static ContextDocument document(Text text) {
        return new ContextDocument(
                UUID.randomUUID(),
                text.title,
                DocumentType.REFERENCE,
                text.text,
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
