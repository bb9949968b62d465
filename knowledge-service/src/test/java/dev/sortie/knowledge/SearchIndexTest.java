package dev.sortie.knowledge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.knowledge.domain.ContextDocuments;
import dev.sortie.knowledge.domain.DocumentDraft;
import dev.sortie.knowledge.domain.DocumentType;
import dev.sortie.knowledge.search.IndexFolder;
import dev.sortie.knowledge.search.IndexFolderInUseException;
import dev.sortie.knowledge.search.SearchResult;
import dev.sortie.knowledge.store.ContextDocumentStore;
import dev.sortie.knowledge.v1.ErrorReason;
import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.runtime.testing.StatusAssert;
import dev.sortie.runtime.testing.TestDatabase;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.apache.lucene.analysis.core.KeywordAnalyzer;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.store.FSDirectory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The index through everything that can happen to it. */
final class SearchIndexTest {
    private final TestDatabase database = TestKnowledge.database();

    @TempDir
    private Path folder;

    @AfterEach
    void dropDatabase() {
        database.close();
    }

    @Test
    void isBuiltFromTheDatabaseWhenThereIsNone() {
        try (var before = TestKnowledge.start(database)) {
            before.create("Marmot", "whistles");
        }

        try (var after = TestKnowledge.start(database, folder)) {
            assertThat(after.find("whistle", "").getTotalHits()).isEqualTo(1);
            assertThat(builds(after)).isEqualTo(1);
        }
    }

    @Test
    void isKeptOverARestart() {
        String revision;
        try (var before = TestKnowledge.start(database, folder)) {
            revision = before.create("Marmot", "whistles").getRevision();
            before.awaitIndex();
        }

        try (var after = TestKnowledge.start(database, folder)) {
            assertThat(after.titles("whistle", revision)).containsExactly("Marmot");
            assertThat(builds(after)).isZero();
        }
    }

    @Test
    void catchesUpWithWhatHappenedWhileItWasAway() {
        try (var before = TestKnowledge.start(database, folder)) {
            before.create("Marmot", "whistles");
            before.awaitIndex();
        }
        String revision;
        try (var elsewhere = TestKnowledge.start(database)) {
            revision = elsewhere.create("Pika", "whistles too").getRevision();
        }

        try (var after = TestKnowledge.start(database, folder)) {
            assertThat(after.find("whistle", "").getTotalHits()).isEqualTo(2);
            assertThat(after.titles("too pika", revision)).containsExactly("Pika");
            assertThat(builds(after)).isZero();
        }
    }

    /** Ways for an index to go bad. */
    enum Damage {
        FILES_CUT_SHORT,
        FILES_OF_GARBAGE,
        A_BYTE_FLIPPED,
        SEGMENTS_GONE,
        GARBAGE_BESIDE_NOTHING;

        void doTo(Path index) {
            var files = files(index);
            switch (this) {
                case FILES_CUT_SHORT -> change(files, bytes -> Arrays.copyOf(bytes, bytes.length / 2));
                case FILES_OF_GARBAGE -> change(files, _ -> "garbage".getBytes(StandardCharsets.UTF_8));
                case A_BYTE_FLIPPED ->
                    change(
                            files.stream()
                                    .filter(file -> file.toString().endsWith(".cfs")
                                            || file.toString().endsWith(".fdt"))
                                    .toList(),
                            bytes -> {
                                bytes[bytes.length / 2] ^= 0x10;
                                return bytes;
                            });
                case SEGMENTS_GONE ->
                    files.stream()
                            .filter(file -> !file.getFileName().toString().startsWith("segments"))
                            .forEach(Damage::delete);
                case GARBAGE_BESIDE_NOTHING -> {
                    files.forEach(Damage::delete);
                    write(index.resolve("segments_1"), new byte[] {1, 2, 3});
                    write(index.resolve("notes.txt"), new byte[0]);
                }
            }
        }

        private static void change(List<Path> files, UnaryOperator<byte[]> change) {
            assertThat(files).isNotEmpty();
            files.forEach(file -> write(file, change.apply(read(file))));
        }

        private static void delete(Path file) {
            try {
                Files.delete(file);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        private static byte[] read(Path file) {
            try {
                return Files.readAllBytes(file);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        private static void write(Path file, byte[] bytes) {
            try {
                Files.write(
                        file,
                        bytes,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void isMadeAnewWhenItIsDamaged(Damage damage) {
        try (var before = TestKnowledge.start(database, folder)) {
            before.find("anything", before.create("Marmot", "whistles").getRevision());
        }
        damage.doTo(folder.resolve("index"));

        try (var after = TestKnowledge.start(database, folder)) {
            assertThat(after.find("whistle", "").getTotalHits()).isEqualTo(1);
            assertThat(builds(after)).isEqualTo(1);
        }
    }

    @Test
    void isMadeAnewWhenItIsOfAnotherSchema() throws IOException {
        try (var before = TestKnowledge.start(database, folder)) {
            before.find("anything", before.create("Marmot", "whistles").getRevision());
        }
        try (var directory = FSDirectory.open(folder.resolve("index"));
                var writer = new IndexWriter(directory, new IndexWriterConfig(new KeywordAnalyzer()))) {
            writer.setLiveCommitData(
                    Map.of("sortie.schema", "0", "sortie.position", "").entrySet());
            writer.commit();
        }

        try (var after = TestKnowledge.start(database, folder)) {
            assertThat(after.find("whistle", "").getTotalHits()).isEqualTo(1);
            assertThat(builds(after)).isEqualTo(1);
        }
    }

    @Test
    void isMadeAnewWhenTheChangeLogDoesNotReachBackToIt() {
        try (var before = TestKnowledge.start(database, folder)) {
            before.find("anything", before.create("Marmot", "whistles").getRevision());
        }
        try (var elsewhere = TestKnowledge.start(database)) {
            elsewhere.create("Pika", "whistles too");
            elsewhere.find(
                    "anything", elsewhere.create("Cony", "whistles as well").getRevision());
            assertThat(elsewhere.runtime.changes().trim(Instant.parse("2040-01-01T00:00:00Z")))
                    .isPositive();
        }

        try (var after = TestKnowledge.start(database, folder)) {
            assertThat(after.find("whistle", "").getTotalHits()).isEqualTo(3);
            assertThat(builds(after)).isEqualTo(1);
        }
    }

    @Test
    void isMadeAnewWhenTheDatabaseWasReplaced() {
        try (var before = TestKnowledge.start(database, folder)) {
            before.find("anything", before.create("Marmot", "whistles").getRevision());
        }
        database.execute("UPDATE change_epoch SET epoch = gen_random_uuid()", "DELETE FROM context_documents");

        try (var after = TestKnowledge.start(database, folder)) {
            assertThat(after.find("whistle", "").getTotalHits()).isZero();
            assertThat(builds(after)).isEqualTo(1);
        }
    }

    @Test
    void losesNothingWhenItIsKilledBeforeItIsDurable() throws IOException {
        var left = folder.resolve("left");
        String revision;
        try (var before = TestKnowledge.start(database, folder.resolve("live"))) {
            before.awaitIndex();
            before.create("Marmot", "whistles");
            revision = before.create("Pika", "whistles too").getRevision();
            assertThat(before.find("whistle", revision).getTotalHits()).isEqualTo(2);
            // What lies on the disk at this moment is what a killed process leaves, its lock included.
            copy(folder.resolve("live"), left);
        }

        try (var after = TestKnowledge.start(database, left)) {
            assertThat(after.find("whistle", revision).getTotalHits()).isEqualTo(2);
            assertThat(builds(after)).isZero();
        }
    }

    @Test
    void answersThatItIsBehindUntilItIsBuiltAndTheServiceIsReadyAllTheSame() throws SQLException {
        try (var before = TestKnowledge.start(database)) {
            before.create("Marmot", "whistles");
        }
        try (var blocker = database.connectAsOwner()) {
            blocker.setAutoCommit(false);
            blocker.createStatement().execute("LOCK TABLE context_documents IN ACCESS EXCLUSIVE MODE");

            try (var knowledge = TestKnowledge.start(database, folder)) {
                assertThat(knowledge.runtime.isReady()).isTrue();
                var request = QueryRequest.newBuilder().setText("whistle").build();
                StatusAssert.fails(() -> knowledge.search().query(request))
                        .with(Status.Code.UNAVAILABLE, ErrorReason.ERROR_REASON_INDEX_BEHIND)
                        .retryable();

                blocker.rollback();

                assertThat(knowledge.find("whistle", "").getTotalHits()).isEqualTo(1);
            }
        }
    }

    @Test
    void goesOnWhenTheDatabaseComesBack() throws SQLException {
        try (var knowledge = TestKnowledge.start(database, folder);
                var superuser = database.connectAsSuperuser()) {
            knowledge.awaitIndex();
            superuser
                    .createStatement()
                    .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            + " WHERE datname = current_database() AND pid <> pg_backend_pid()");

            var revision = new String[1];
            TestKnowledge.await(() -> {
                try {
                    revision[0] = knowledge.create("Marmot", "whistles").getRevision();
                    return true;
                } catch (StatusRuntimeException broken) {
                    return false;
                }
            });
            assertThat(knowledge.titles("whistle", revision[0])).contains("Marmot");
            assertThat(builds(knowledge)).isEqualTo(1);
        }
    }

    @Test
    void takesInMoreThanOneBatchAndDocumentsOfEverySize() {
        var draft = new DocumentDraft("Vole", DocumentType.GUIDE, "burrows", "", List.of(), "{}");
        var large =
                new DocumentDraft("Vole", DocumentType.GUIDE, "burrows" + " ".repeat(1_000_000), "", List.of(), "{}");
        try (var knowledge = TestKnowledge.start(database, folder)) {
            knowledge.awaitIndex();
            var documents = new ContextDocuments(new ContextDocumentStore(), knowledge.runtime.ids());
            var revision = knowledge.runtime.database().transaction(tx -> {
                for (int i = 0; i < 450; i++) {
                    documents.create(tx, i % 40 == 0 ? large : draft);
                }
                return documents.create(tx, draft).revision();
            });

            assertThat(knowledge.find("burrow", revision.encode()).getTotalHits())
                    .isEqualTo(451);
        }
        try (var rebuilt = TestKnowledge.start(database)) {
            assertThat(rebuilt.find("burrow", "").getTotalHits()).isEqualTo(451);
        }
    }

    @Test
    void countsHitsExactlyUpToTenThousand() {
        insert(9_999);
        try (var knowledge = TestKnowledge.start(database)) {
            assertThat(knowledge.find("shrew", "").getTotalHits()).isEqualTo(9_999);
        }
        insert(200);
        try (var knowledge = TestKnowledge.start(database)) {
            assertThat(knowledge.find("shrew", "").getTotalHits())
                    .isGreaterThanOrEqualTo(SearchResult.EXACT_HITS)
                    .isLessThanOrEqualTo(10_199);
        }
    }

    @Test
    void aFolderBelongsToOneServerAtATime() {
        try (var first = TestKnowledge.start(database, folder)) {
            first.awaitIndex();
            assertThatThrownBy(() -> TestKnowledge.start(database, folder))
                    .isInstanceOf(IndexFolderInUseException.class)
                    .hasMessageContaining(folder.toString())
                    .hasMessageContaining("SORTIE_INDEX_FOLDER");
            assertThat(first.find("anything", "").getTotalHits()).isZero();
        }
        IndexFolder.take(folder).close();
    }

    @Test
    void aFolderOfALivingProcessIsRefusedAndThatOfAKilledOneIsNot() throws Exception {
        var other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        FolderHolder.class.getName(),
                        folder.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            assertThat(other.inputReader().readLine()).isEqualTo("held");
            assertThatThrownBy(() -> IndexFolder.take(folder))
                    .isInstanceOf(IndexFolderInUseException.class)
                    .hasMessageContaining("process " + other.pid());
        } finally {
            other.destroyForcibly();
            assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        IndexFolder.take(folder).close();
    }

    /** Another process that holds a folder until it is killed. */
    static final class FolderHolder {
        private FolderHolder() {}

        public static void main(String[] arguments) throws IOException {
            try (var _ = IndexFolder.take(Path.of(arguments[0]))) {
                System.out.println("held");
                System.in.read();
            }
        }
    }

    private void insert(int count) {
        database.execute("""
                INSERT INTO context_documents (id, title, document_type, content, created_at, updated_at)
                SELECT uuidv7(), 'Shrew', 'GUIDE', 'shrew ' || n, now(), now() FROM generate_series(1, %d) n
                """.formatted(count));
    }

    private static int builds(TestKnowledge knowledge) {
        return (int) knowledge
                .runtime
                .meters()
                .get("sortie.search.index.builds")
                .counter()
                .count();
    }

    private static List<Path> files(Path folder) {
        try (var files = Files.list(folder)) {
            return files.filter(file -> !file.endsWith("write.lock")).toList();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Copies a folder that is in use; a file that vanishes meanwhile was of no use any more. */
    private static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (var paths = Files.list(from)) {
            for (var path : paths.toList()) {
                var target = to.resolve(path.getFileName());
                if (Files.isDirectory(path)) {
                    copy(path, target);
                } else {
                    try {
                        Files.copy(path, target);
                    } catch (NoSuchFileException vanished) {
                        assertThat(vanished.getFile()).isEqualTo(path.toString());
                    }
                }
            }
        }
    }
}
