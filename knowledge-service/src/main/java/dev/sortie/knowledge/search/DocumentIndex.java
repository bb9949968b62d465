package dev.sortie.knowledge.search;

import dev.sortie.knowledge.domain.ContextDocument;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.lucene.index.CheckIndex;
import org.apache.lucene.index.ConcurrentMergeScheduler;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.IndexWriterConfig.OpenMode;
import org.apache.lucene.index.SegmentInfos;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.similarities.Similarity;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.FSDirectory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Lucene index in a folder. Disposable: whatever is wrong with it, it is made anew from the database. One thread
 * writes, another may commit; any number search.
 *
 * <p>The folder belongs to the caller alone, who holds its {@link IndexFolder lock}.
 */
final class DocumentIndex implements AutoCloseable {
    /** Ranks by exact lengths, in the index and in searches. */
    static final Similarity SIMILARITY = new ExactLengthBm25();

    private static final String SCHEMA_KEY = "sortie.schema";
    private static final String POSITION_KEY = "sortie.position";
    private static final double BUFFER_MEBIBYTES = 32;
    private static final int MAX_MERGES = 4;
    private static final int MAX_MERGE_THREADS = 1;
    private static final Logger LOG = LoggerFactory.getLogger(DocumentIndex.class);

    private final Directory directory;
    private final IndexWriter writer;
    private DirectoryReader reader;

    private DocumentIndex(Directory directory, OpenMode mode) throws IOException {
        this.directory = directory;
        var merges = new ConcurrentMergeScheduler();
        merges.setMaxMergesAndThreads(MAX_MERGES, MAX_MERGE_THREADS);
        this.writer = new IndexWriter(
                directory,
                new IndexWriterConfig(EnglishText.ANALYZER)
                        .setSimilarity(SIMILARITY)
                        .setOpenMode(mode)
                        .setRAMBufferSizeMB(BUFFER_MEBIBYTES)
                        .setMergeScheduler(merges)
                        .setCommitOnClose(false));
        try {
            this.reader = DirectoryReader.open(writer);
        } catch (IOException | RuntimeException failed) {
            writer.rollback();
            throw failed;
        }
    }

    /**
     * Opens what is in the folder, after reading all of it once to see that it is whole.
     *
     * @return empty when there is nothing that can be used; why is in the log
     */
    static Optional<DocumentIndex> open(Path folder) {
        Directory directory = null;
        try {
            Files.createDirectories(folder);
            directory = FSDirectory.open(folder);
            var fault = fault(directory);
            if (fault.isEmpty()) {
                return Optional.of(new DocumentIndex(directory, OpenMode.APPEND));
            }
            LOG.info("the search index in {} is not used: {}", folder, fault);
        } catch (IOException | RuntimeException unreadable) {
            LOG.warn("the search index in {} cannot be read", folder, unreadable);
        }
        closeQuietly(directory);
        return Optional.empty();
    }

    /** Makes an empty index in the folder, in place of whatever is there. */
    static DocumentIndex create(Path folder) throws IOException {
        deleteContents(folder);
        var directory = FSDirectory.open(folder);
        try {
            return new DocumentIndex(directory, OpenMode.CREATE);
        } catch (IOException | RuntimeException failed) {
            closeQuietly(directory);
            throw failed;
        }
    }

    private static String fault(Directory directory) throws IOException {
        if (!DirectoryReader.indexExists(directory)) {
            return "there is none";
        }
        var noted = SegmentInfos.readLatestCommit(directory).getUserData();
        if (!IndexFields.SCHEMA.equals(noted.get(SCHEMA_KEY)) || !noted.containsKey(POSITION_KEY)) {
            return "it was made by another version";
        }
        try (var check = new CheckIndex(directory)) {
            check.setLevel(CheckIndex.Level.MIN_LEVEL_FOR_CHECKSUM_CHECKS);
            return check.checkIndex().clean ? "" : "it is damaged";
        }
    }

    /** The position of the last commit; empty for a new index. */
    String committedPosition() throws IOException {
        var noted = writer.getLiveCommitData();
        if (noted != null) {
            for (var entry : noted) {
                if (entry.getKey().equals(POSITION_KEY)) {
                    return entry.getValue();
                }
            }
        }
        return "";
    }

    /** Adds documents, each in place of its earlier version. */
    void put(Collection<ContextDocument> documents) throws IOException {
        for (var document : documents) {
            writer.updateDocument(IndexFields.id(document.id()), IndexFields.toIndex(document));
        }
    }

    /** Removes documents; ones that are not there do not matter. */
    void remove(Collection<UUID> ids) throws IOException {
        writer.deleteDocuments(ids.stream().map(IndexFields::id).toArray(Term[]::new));
    }

    /** Shows what was written so far to the searches that begin from now on. True when there was anything. */
    boolean refresh() throws IOException {
        var newer = DirectoryReader.openIfChanged(reader, writer);
        if (newer == null) {
            return false;
        }
        var older = reader;
        synchronized (this) {
            reader = newer;
        }
        older.decRef();
        return true;
    }

    /**
     * Makes what was written so far durable.
     *
     * @param position up to where changes are in the index, at least; taken before this call
     */
    void commit(String position) throws IOException {
        writer.setLiveCommitData(
                Map.of(SCHEMA_KEY, IndexFields.SCHEMA, POSITION_KEY, position).entrySet());
        writer.commit();
    }

    /** A searcher over what was last made visible. To be closed after use. */
    Searcher searcher() {
        synchronized (this) {
            reader.incRef();
            return new Searcher(reader);
        }
    }

    int documents() {
        synchronized (this) {
            return reader.numDocs();
        }
    }

    /** A view of the index that stays as it is. */
    static final class Searcher implements AutoCloseable {
        private final DirectoryReader reader;

        private Searcher(DirectoryReader reader) {
            this.reader = reader;
        }

        IndexSearcher search() {
            var searcher = new IndexSearcher(reader);
            searcher.setSimilarity(SIMILARITY);
            return searcher;
        }

        @Override
        public void close() throws IOException {
            reader.decRef();
        }
    }

    /** Closes without a commit: what came after the last one is read from the change log again. */
    @Override
    public void close() throws IOException {
        try (directory) {
            try {
                reader.decRef();
            } finally {
                writer.rollback();
            }
        }
    }

    private static void deleteContents(Path folder) throws IOException {
        Files.createDirectories(folder);
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failed) throws IOException {
                if (failed != null) {
                    throw failed;
                }
                if (!visited.equals(folder)) {
                    Files.delete(visited);
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static void closeQuietly(@Nullable Directory directory) {
        try {
            if (directory != null) {
                directory.close();
            }
        } catch (IOException ignored) {
            LOG.debug("closing an index that is given up failed", ignored);
        }
    }
}
