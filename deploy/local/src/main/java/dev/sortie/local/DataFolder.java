package dev.sortie.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * The folder that holds all that {@code up} keeps: the database, secrets, logs. A marker file says
 * that a folder is one of ours, so that nothing is ever written into, or deleted from, another's.
 *
 * <pre>
 * sortie-data       the marker, with the layout's version
 * lock              held by the one process that works in the folder
 * run.properties    who that is and where it listens, while it runs
 * admin.token       the first administrator's API token
 * secrets/          passwords and tokens of the parts among themselves
 * postgresql/       the database (PostgreSQL's own data folder)
 * binaries/         the unpacked PostgreSQL programs
 * knowledge/        search indexes, which can be rebuilt
 * archive/          executions that ended long ago, in compressed files
 * logs/
 * </pre>
 */
final class DataFolder {

    /** Who has taken the folder says so in the run file a moment later, on a busy machine. */
    private static final Duration RUN_FILE_DELAY = Duration.ofSeconds(2);

    private static final String LAYOUT = "1";
    private static final FileAttribute<?> PRIVATE_FOLDER =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    private static final FileAttribute<?> PRIVATE_FILE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    /** The folders this process works in. */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    private final Path root;

    /** A data folder, which need not be there yet. Touches nothing. */
    DataFolder(Path path) {
        this.root = path.toAbsolutePath().normalize();
    }

    /** Whether there is a data folder at the path. */
    boolean exists() {
        return Files.exists(marker());
    }

    /** Makes the folder where there is none. */
    void create() {
        try {
            Files.createDirectories(root, PRIVATE_FOLDER);
            if (!exists()) {
                writePrivately(marker(), LAYOUT + "\n");
            }
            Files.createDirectories(secrets(), PRIVATE_FOLDER);
            Files.createDirectories(logs(), PRIVATE_FOLDER);
            Files.createDirectories(knowledge(), PRIVATE_FOLDER); // the index holds what documents say
        } catch (IOException e) {
            throw new LocalException(
                    "The data folder " + root + " cannot be made: " + describe(e) + ". Choose another with --data.", e);
        }
    }

    /**
     * Looks at what lies at the path.
     *
     * @throws LocalException if it is neither a data folder of this user nor empty nor absent
     */
    void check() {
        try {
            checkPath();
        } catch (IOException e) {
            throw new LocalException("The data folder " + root + " cannot be read: " + describe(e), e);
        }
    }

    private void checkPath() throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        if (!Files.isDirectory(root)) {
            throw new LocalException(root + " is a file (expected: a folder for Sortie's data, or none)");
        }
        if (!Files.isReadable(root) || !Files.isExecutable(root)) {
            throw notOurs();
        }
        if (!exists()) {
            try (var entries = Files.list(root)) {
                if (entries.findAny().isPresent()) {
                    throw new LocalException(root
                            + " has files in it and is not a data folder of Sortie."
                            + " Choose an empty or new folder with --data.");
                }
            }
        }
        // Compared with a file made here and now: user names lie in containers and under sudo.
        if (!Files.isWritable(root)) {
            throw notOurs();
        }
        var probe = Files.createTempFile(root, ".probe", null);
        try {
            if (!Files.getOwner(probe).equals(Files.getOwner(root))) {
                throw notOurs();
            }
        } finally {
            Files.delete(probe);
        }
        if (exists()) {
            var layout = Files.readString(marker()).strip();
            if (!layout.equals(LAYOUT)) {
                throw new LocalException(
                        "The data folder %s has layout %s (expected: %s). It belongs to another release of Sortie."
                                .formatted(root, layout, LAYOUT));
            }
        }
    }

    private LocalException notOurs() throws IOException {
        return new LocalException(
                "The data folder %s belongs to %s. Run as that user, or choose another folder with --data."
                        .formatted(root, Files.getOwner(root).getName()));
    }

    Path root() {
        return root;
    }

    Path marker() {
        return root.resolve("sortie-data");
    }

    Path runFile() {
        return root.resolve("run.properties");
    }

    Path adminToken() {
        return root.resolve("admin.token");
    }

    Path secrets() {
        return root.resolve("secrets");
    }

    Path postgresql() {
        return root.resolve("postgresql");
    }

    /** Where a database is set up, before it gets its name. */
    Path postgresqlPart() {
        return root.resolve("postgresql.part");
    }

    Path binaries() {
        return root.resolve("binaries");
    }

    Path knowledge() {
        return root.resolve("knowledge");
    }

    Path archive() {
        return root.resolve("archive");
    }

    Path logs() {
        return root.resolve("logs");
    }

    private Path lockFile() {
        return root.resolve("lock");
    }

    /**
     * Takes the folder for this process; empty if another has it. The kernel lets go of it when the
     * process ends in any way, so it is never stale, and of two that try at once one gets it.
     */
    Optional<Lock> tryLock() {
        // Asked first, since the kernel drops a process's lock when the process closes any of its
        // channels to the file.
        if (!HELD.add(root)) {
            return Optional.empty();
        }
        var locked = tryLockForThisProcess();
        if (locked.isEmpty()) {
            HELD.remove(root);
        }
        return locked;
    }

    private Optional<Lock> tryLockForThisProcess() {
        try {
            while (true) {
                create();
                FileChannel.open(lockFile(), StandardOpenOption.CREATE, StandardOpenOption.WRITE)
                        .close();
                var before = fileKey(lockFile());
                var channel = FileChannel.open(lockFile(), StandardOpenOption.WRITE);
                try {
                    var lock = channel.tryLock();
                    if (lock != null && before.equals(fileKey(lockFile())) && exists()) {
                        return Optional.of(new Lock(this, lock));
                    }
                    channel.close();
                    if (lock == null) {
                        return Optional.empty();
                    }
                } catch (NoSuchFileException e) {
                    channel.close();
                }
                // A reset deleted the file in between: what was locked is nobody's any more.
            }
        } catch (IOException e) {
            HELD.remove(root);
            throw new LocalException(lockFile() + " cannot be locked: " + describe(e), e);
        }
    }

    private static Object fileKey(Path file) throws IOException {
        return Objects.requireNonNull(
                Files.readAttributes(file, BasicFileAttributes.class).fileKey(), "file key");
    }

    /**
     * Takes the folder for this process and notes so in the run file, until the lock is closed.
     *
     * @param command what this process does
     * @throws LocalException with {@link ExitCode#ALREADY_RUNNING} if another process has it
     */
    Lock lock(String command) {
        var lock = tryLock().orElseThrow(() -> new LocalException(ExitCode.ALREADY_RUNNING, describeHolder()));
        RunFile.mine(command, RunFile.STARTING, Map.of()).write(this);
        return lock;
    }

    private String describeHolder() {
        long end = System.nanoTime() + RUN_FILE_DELAY.toNanos();
        var run = RunFile.read(this).filter(one -> one.process().isPresent());
        while (run.isEmpty() && System.nanoTime() < end) {
            LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
            run = RunFile.read(this).filter(one -> one.process().isPresent());
        }
        return run.map(one -> one.describe(this, "Sortie runs already"))
                .orElse("Another Sortie process works in " + root + ".");
    }

    /** The right to work in the folder. */
    record Lock(DataFolder folder, FileLock held) implements AutoCloseable {
        @Override
        public void close() {
            try {
                Files.deleteIfExists(folder.runFile());
                held.acquiredBy().close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } finally {
                HELD.remove(folder.root);
            }
        }
    }

    /** Writes a file that only its owner can read, whole or not at all, also through a power cut. */
    static void writePrivately(Path file, String content) throws IOException {
        var part = Files.createTempFile(file.getParent(), "." + file.getFileName(), ".part", PRIVATE_FILE);
        try {
            try (var channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
                var buffer = ByteBuffer.wrap(content.getBytes(java.nio.charset.StandardCharsets.UTF_8));
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            try {
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } catch (AtomicMoveNotSupportedException e) {
                Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
            }
        } finally {
            Files.deleteIfExists(part);
        }
    }

    /**
     * Deletes what Sortie made, and the folder itself if nothing else is in it.
     *
     * @return what lies in the folder still, since somebody else put it there
     */
    List<Path> delete() {
        try {
            // The marker goes last: whatever stops this half way, the folder stays known as ours.
            for (var entry : List.of(
                    postgresql(),
                    postgresqlPart(),
                    knowledge(),
                    archive(),
                    binaries(),
                    logs(),
                    secrets(),
                    adminToken(),
                    runFile(),
                    lockFile())) {
                deleteTree(entry);
            }
            Files.deleteIfExists(marker());
            try {
                Files.delete(root);
                return List.of();
            } catch (DirectoryNotEmptyException e) {
                try (var entries = Files.list(root)) {
                    return entries.sorted().toList();
                }
            }
        } catch (IOException e) {
            throw new LocalException("Deleting in " + root + " failed: " + describe(e), e);
        }
    }

    /** Deletes a tree; follows no link out of it. */
    static void deleteTree(Path tree) throws IOException {
        if (!Files.exists(tree, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(tree, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(
                    Path folder, @org.jspecify.annotations.Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.delete(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** What an I/O failure means; the bare message is often just the path. */
    static String describe(IOException e) {
        return switch (e) {
            case java.nio.file.AccessDeniedException denied -> "no permission for " + denied.getFile();
            case NoSuchFileException missing -> missing.getFile() + " is missing";
            case java.nio.file.FileAlreadyExistsException exists -> exists.getFile() + " is in the way";
            default -> String.valueOf(e.getMessage());
        };
    }
}
