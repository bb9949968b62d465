package dev.sortie.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** The files that names on a command line stand for. */
final class ReportFiles {
    private static final Pattern WILD = Pattern.compile("[*?\\[{]");
    private static final int MAX_DEPTH = 50;
    private static final int SNIFFED = 64 * 1024;

    private ReportFiles() {}

    /**
     * Files as they are, folders as all reports in them, at any depth, and patterns as all files that match: the shell does
     * that where a pattern is not quoted, and does not know {@code **} in general.
     *
     * @return each once, in the order of the names, then by path
     */
    static List<Path> find(List<String> names) {
        var found = new LinkedHashSet<Path>();
        for (var name : names) {
            try {
                var path = Path.of(name);
                if (Files.isDirectory(path)) {
                    var xml = path.getFileSystem().getPathMatcher("glob:**.{xml,XML}");
                    found.addAll(walk(path, file -> xml.matches(file) && mayBeReport(file)));
                } else if (Files.exists(path)) {
                    found.add(path.normalize());
                } else if (WILD.matcher(name).find()) {
                    found.addAll(matching(name));
                } else {
                    throw new CliException("there is no file or folder " + name);
                }
            } catch (InvalidPathException | PatternSyntaxException e) {
                throw new CliException(name + " is neither a path nor a pattern: " + e.getMessage(), e);
            }
        }
        if (found.isEmpty()) {
            throw new CliException("no reports found: no XML file is in or matches " + String.join(" ", names));
        }
        return List.copyOf(found);
    }

    /** There are other XML files, too. An empty one may be what is left of a report, so the server shall say so. */
    private static boolean mayBeReport(Path file) {
        try (var bytes = Files.newInputStream(file)) {
            // In whatever encoding: the characters that matter are the same in all, but for the zeros between them.
            var beginning = new String(bytes.readNBytes(SNIFFED), StandardCharsets.ISO_8859_1).replace("\0", "");
            return beginning.isEmpty() || beginning.contains("<testsuite");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Looks below the last folder of the pattern that has no wildcard in its name. */
    private static List<Path> matching(String pattern) {
        var first = WILD.matcher(pattern);
        int wild = first.find() ? first.start() : pattern.length();
        int slash = pattern.lastIndexOf('/', wild);
        var folder = slash < 0 ? Path.of("") : Path.of(pattern.substring(0, slash + 1));
        if (!Files.isDirectory(folder.toAbsolutePath())) {
            return List.of();
        }
        var matcher = FileSystems.getDefault().getPathMatcher("glob:" + pattern);
        return walk(folder, matcher::matches);
    }

    private interface Filter {
        boolean matches(Path path);
    }

    private static List<Path> walk(Path folder, Filter filter) {
        try (var paths = Files.walk(folder, MAX_DEPTH)) {
            var files = new ArrayList<Path>();
            paths.filter(Files::isRegularFile)
                    .filter(filter::matches)
                    .map(Path::normalize)
                    .sorted()
                    .forEach(files::add);
            return files;
        } catch (IOException | UncheckedIOException e) {
            throw new CliException(folder + " cannot be read: " + e.getMessage(), e);
        }
    }
}
