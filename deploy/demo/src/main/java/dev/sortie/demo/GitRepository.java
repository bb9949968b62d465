package dev.sortie.demo;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** A git repository, read through the git command at one commit, so that edits under way do not matter. */
final class GitRepository {

    /** The bytes at the beginning of a file that decide, as in git, whether it is binary: when one of them is 0. */
    private static final int BINARY_PROBE = 8000;

    private final Path folder;

    private GitRepository(Path folder) {
        this.folder = folder;
    }

    /** A file of a commit. Size in bytes. */
    record Blob(String id, String path, long size) {}

    /** Takes the content of one file after another. */
    interface ContentVisitor {
        void visit(Blob blob, byte[] content);
    }

    /** Takes one line of a command's output after another. */
    interface LineVisitor {
        void visit(String line);
    }

    /**
     * Opens the repository that a folder is, or is in.
     *
     * @throws DemoException when there is none, it has no commit, or there is no git command
     */
    static GitRepository open(Path folder) {
        if (!Files.isDirectory(folder)) {
            throw new DemoException(folder + " is not a folder. Name a folder with a git repository.");
        }
        try {
            var version = new ProcessBuilder("git", "--version")
                    .redirectErrorStream(true)
                    .start();
            version.getInputStream().readAllBytes();
        } catch (IOException e) {
            throw new DemoException("There is no git command. Install git, then run this again.");
        }
        var here = new GitRepository(folder);
        try {
            var bare = here.line("rev-parse", "--is-bare-repository");
            var root =
                    bare.equals("true") ? here : new GitRepository(Path.of(here.line("rev-parse", "--show-toplevel")));
            root.line("rev-parse", "--verify", "--quiet", "HEAD^{commit}");
            return root;
        } catch (GitFailure failure) {
            if (failure.message().contains("not a git repository")) {
                throw new DemoException(folder + " is not in a git repository, so there is nothing to survey."
                        + " Name a folder that is, or run `git init` and commit something.");
            }
            if (failure.message().isEmpty()) {
                throw new DemoException("The repository in " + folder + " has no commit yet. Commit something first.");
            }
            throw new DemoException("git cannot read " + folder + ": " + failure.message());
        }
    }

    /** The repository's folder. */
    Path folder() {
        return folder;
    }

    /** The name of the repository's folder. */
    String name() {
        var last = folder.toAbsolutePath().normalize().getFileName();
        return last == null ? "repository" : last.toString().replaceFirst("\\.git$", "");
    }

    /** The full id of the commit that HEAD names. */
    String head() {
        return line("rev-parse", "HEAD");
    }

    /** The branch that is checked out, or the text {@code no branch}. */
    String branch() {
        try {
            return line("symbolic-ref", "--quiet", "--short", "HEAD");
        } catch (GitFailure detached) {
            return "no branch";
        }
    }

    /** The regular files of a commit; symbolic links and submodules are left out. */
    List<Blob> files(String revision) {
        var blobs = new ArrayList<Blob>();
        var output = new String(bytes("ls-tree", "-r", "-l", "-z", "--full-tree", revision), StandardCharsets.UTF_8);
        for (var entry : output.split("\0")) {
            int tab = entry.indexOf('\t');
            if (tab < 0) {
                continue;
            }
            var attributes = entry.substring(0, tab).trim().split(" +");
            if (attributes[1].equals("blob") && !attributes[0].equals("120000")) {
                blobs.add(new Blob(attributes[2], entry.substring(tab + 1), Long.parseLong(attributes[3])));
            }
        }
        return blobs;
    }

    /** Reads the content of files, in their order, one at a time. */
    void read(List<Blob> blobs, ContentVisitor visitor) {
        try {
            var process = start("cat-file", "--batch");
            var feed = new FutureTask<Void>(() -> {
                try (var ids = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.US_ASCII)) {
                    for (var blob : blobs) {
                        ids.write(blob.id());
                        ids.write('\n');
                    }
                }
                return null;
            });
            Thread.ofVirtual().start(feed);
            try (var output = new BufferedInputStream(process.getInputStream(), 1 << 16)) {
                for (var blob : blobs) {
                    var header = headerLine(output);
                    int size = Math.toIntExact(Long.parseLong(header.substring(header.lastIndexOf(' ') + 1)));
                    var content = output.readNBytes(size);
                    output.skipNBytes(1);
                    visitor.visit(blob, content);
                }
            }
            feed.get();
            finish(process);
        } catch (IOException e) {
            throw new DemoException("git cannot read the files: " + e.getMessage());
        } catch (ExecutionException e) {
            throw new DemoException("git does not take the list of files: " + e.getCause());
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    /** Whether git would take this for binary. */
    static boolean isBinary(byte[] content) {
        int end = Math.min(content.length, BINARY_PROBE);
        for (int i = 0; i < end; i++) {
            if (content[i] == 0) {
                return true;
            }
        }
        return false;
    }

    /** Runs a git command and takes its output line by line. */
    void lines(LineVisitor visitor, String... arguments) {
        try {
            var process = start(arguments);
            process.getOutputStream().close();
            try (var output =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                for (var line = output.readLine(); line != null; line = output.readLine()) {
                    visitor.visit(line);
                }
            }
            finish(process);
        } catch (IOException e) {
            throw new DemoException("git " + arguments[0] + " cannot be run: " + e.getMessage());
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    /** Runs a git command that ends each entry of its output with U+0000, as {@code -z} asks for. */
    void entries(LineVisitor visitor, String... arguments) {
        for (var entry : new String(bytes(arguments), StandardCharsets.UTF_8).split("\0")) {
            if (!entry.isEmpty()) {
                visitor.visit(entry);
            }
        }
    }

    /** Runs a git command that prints one line. */
    String line(String... arguments) {
        return new String(bytes(arguments), StandardCharsets.UTF_8).strip();
    }

    private byte[] bytes(String... arguments) {
        try {
            var process = start(arguments);
            process.getOutputStream().close();
            var output = process.getInputStream().readAllBytes();
            finish(process);
            return output;
        } catch (IOException e) {
            throw new DemoException("git " + arguments[0] + " cannot be run: " + e.getMessage());
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    private Process start(String... arguments) throws IOException {
        var command = new ArrayList<String>(List.of("git", "-C", folder.toString(), "-c", "log.showSignature=false"));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command);
        builder.environment().put("LC_ALL", "C");
        builder.environment().put("GIT_OPTIONAL_LOCKS", "0");
        return builder.start();
    }

    /** Waits for the end of a process whose output has been read, and throws when it failed. */
    private static void finish(Process process) throws IOException, InterruptedException {
        var errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new GitFailure(errors);
        }
    }

    private static String headerLine(InputStream input) throws IOException {
        var line = new ByteArrayOutputStream();
        for (int next = input.read(); next != '\n'; next = input.read()) {
            if (next < 0) {
                throw new IOException("git ended too early");
            }
            line.write(next);
        }
        var header = line.toString(StandardCharsets.US_ASCII);
        if (header.toLowerCase(Locale.ROOT).endsWith("missing")) {
            throw new IOException("the repository lacks " + header);
        }
        return header;
    }

    private static DemoException interrupted() {
        Thread.currentThread().interrupt();
        return new DemoException("interrupted");
    }

    /** A git command that ended with an error; the message is git's own. */
    private static final class GitFailure extends DemoException {
        private static final long serialVersionUID = 1L;

        GitFailure(String message) {
            super(message);
        }

        String message() {
            var message = getMessage();
            return message == null ? "" : message;
        }
    }
}
