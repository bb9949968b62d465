package dev.sortie.mission.domain;

import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import javax.xml.stream.Location;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.jspecify.annotations.Nullable;

/**
 * A report in JUnit's XML form, read from front to back. There is no schema that all runners keep to: whatever is
 * missing is made up for, whatever is unknown is passed over. Whoever sends a report is not trusted: no document type
 * declaration and hence no entity is taken, and nothing is kept that has no bound.
 */
final class JunitReport {
    /** How much of an error's text is kept, in characters. */
    static final int MAX_ERROR = 4_096;
    /** How much of a traceback is kept, in characters. */
    static final int MAX_TRACEBACK = 32_768;

    private static final int MAX_DEPTH = 64;
    private static final int MAX_MESSAGE = 300;
    private static final double LONGEST = Duration.ofDays(7).toSeconds();
    private static final Pattern THOUSANDS = Pattern.compile("[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+");
    private static final Set<String> LEFT_OUT =
            Set.of("skipped", "disabled", "notrun", "ignored", "pending", "suppressed");
    private static final Set<String> BROKEN = Set.of("failed", "failure", "error", "errored", "broken");
    private static final XMLInputFactory FACTORY = factory();

    private final XMLStreamReader reader;
    private final Sink sink;
    private int depth;

    private JunitReport(XMLStreamReader reader, Sink sink) {
        this.reader = reader;
        this.sink = sink;
    }

    /** Takes what a report has, in its order. */
    interface Sink {
        /** A test. */
        void test(Test test);

        /**
         * A piece of what something wrote. Pieces of one text follow one another.
         *
         * @param title what wrote it; null where the piece goes on with the text before
         */
        void log(@Nullable String title, String text);
    }

    /**
     * What came of one test.
     *
     * @param name with its class, or else its suite; may be long
     * @param error at most {@link #MAX_ERROR} characters
     * @param traceback at most {@link #MAX_TRACEBACK} characters
     */
    record Test(String name, TestResultStatus status, Duration duration, String error, String traceback) {}

    /** It is not a report, or not even XML. */
    static final class BrokenException extends Exception {
        private static final long serialVersionUID = 1L;

        private final int line;
        private final int column;

        private BrokenException(String message, @Nullable Location location) {
            super(message, null, false, false);
            line = location == null ? 0 : Math.max(0, location.getLineNumber());
            column = location == null ? 0 : Math.max(0, location.getColumnNumber());
        }

        /** From 1; 0 where it is not known. */
        int line() {
            return line;
        }

        /** From 1; 0 where it is not known. */
        int column() {
            return column;
        }

        /** What is wrong, for the one who sent it. */
        String problem() {
            return String.valueOf(getMessage());
        }
    }

    /** Reads a whole report. What the sink throws comes through. */
    static void read(InputStream bytes, Sink sink) throws BrokenException {
        XMLStreamReader reader;
        try {
            reader = FACTORY.createXMLStreamReader(bytes);
        } catch (XMLStreamException | RuntimeException unreadable) {
            throw broken(unreadable, null);
        }
        var report = new JunitReport(reader, sink);
        try {
            report.document();
        } finally {
            report.close();
        }
    }

    private void document() throws BrokenException {
        while (next() != XMLStreamConstants.START_ELEMENT) {
            // what comes before the root
        }
        switch (reader.getLocalName()) {
            case "testsuites", "testsuite" -> suite("");
            default ->
                throw refused("the root element is <" + shown(reader.getLocalName())
                        + "> (expected: <testsuites> or <testsuite>)");
        }
        while (next() != XMLStreamConstants.END_DOCUMENT) {
            // what comes after it
        }
    }

    /** An element of suites, tests and what they wrote; the reader stands at its start. */
    private void suite(String outer) throws BrokenException {
        var own = attribute("name");
        var name = own.isBlank() ? outer : own;
        while (true) {
            switch (next()) {
                case XMLStreamConstants.START_ELEMENT -> {
                    switch (reader.getLocalName()) {
                        case "testsuite", "testsuites" -> suite(name);
                        case "testcase" -> test(name);
                        case "failure", "error" -> {
                            var failure = failure();
                            sink.test(new Test(
                                    named("", name),
                                    TestResultStatus.FAILED,
                                    Duration.ZERO,
                                    failure.error,
                                    failure.traceback));
                        }
                        case "system-out", "system-err" -> log(named("", name) + ": " + reader.getLocalName());
                        default -> skip();
                    }
                }
                case XMLStreamConstants.END_ELEMENT -> {
                    return;
                }
                default -> {
                    // text between elements
                }
            }
        }
    }

    private void test(String suite) throws BrokenException {
        var className = attribute("classname");
        var name = named(className.isBlank() ? suite : className, attribute("name"));
        var duration = duration(attribute("time"));
        var declared = declared(attribute("status"), attribute("result"));
        @Nullable Failure failure = null;
        @Nullable String leftOut = null;
        while (true) {
            switch (next()) {
                case XMLStreamConstants.START_ELEMENT -> {
                    switch (reader.getLocalName()) {
                        case "failure", "error" -> {
                            var one = failure();
                            failure = failure == null ? one : failure.and(one);
                        }
                        case "skipped" -> leftOut = failure().error;
                        case "system-out", "system-err", "flakyFailure", "flakyError", "rerunFailure", "rerunError" ->
                            log(name + ": " + reader.getLocalName());
                        default -> skip();
                    }
                }
                case XMLStreamConstants.END_ELEMENT -> {
                    if (failure != null) {
                        sink.test(new Test(name, TestResultStatus.FAILED, duration, failure.error, failure.traceback));
                    } else if (leftOut != null) {
                        sink.test(new Test(name, TestResultStatus.SKIPPED, duration, leftOut, ""));
                    } else {
                        sink.test(new Test(name, declared, duration, "", ""));
                    }
                    return;
                }
                default -> {
                    // text between elements
                }
            }
        }
    }

    /** What an element says about a failure. */
    private record Failure(String error, String traceback) {
        Failure and(Failure other) {
            var both = traceback + (traceback.isEmpty() || traceback.endsWith("\n") ? "" : "\n") + other.error + "\n"
                    + other.traceback;
            return new Failure(error, Texts.cut(both, MAX_TRACEBACK));
        }
    }

    private Failure failure() throws BrokenException {
        var message = attribute("message");
        var type = attribute("type");
        var text = new StringBuilder();
        text(piece -> {
            if (text.length() <= MAX_TRACEBACK) {
                text.append(piece, 0, Math.min(piece.length(), MAX_TRACEBACK + 1 - text.length()));
            }
        });
        var traceback = text.toString();
        var error = !message.isBlank()
                ? message
                : traceback.lines().filter(line -> !line.isBlank()).findFirst().orElse(type);
        return new Failure(
                Texts.cut(Texts.clean(error.strip()), MAX_ERROR), Texts.cut(Texts.clean(traceback), MAX_TRACEBACK));
    }

    private void log(String title) throws BrokenException {
        var message = attribute("message");
        var begun = new boolean[1];
        if (!message.isBlank()) {
            begun[0] = true;
            sink.log(title, message + "\n");
        }
        text(piece -> {
            if (begun[0] || !piece.isBlank()) {
                sink.log(begun[0] ? null : title, piece);
                begun[0] = true;
            }
        });
    }

    private interface Pieces {
        void add(String piece);
    }

    /** The text of an element and of all within it; the reader stands at its start. */
    private void text(Pieces pieces) throws BrokenException {
        int inner = 1;
        while (inner > 0) {
            switch (next()) {
                case XMLStreamConstants.START_ELEMENT -> inner++;
                case XMLStreamConstants.END_ELEMENT -> inner--;
                case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA, XMLStreamConstants.SPACE ->
                    pieces.add(reader.getText());
                default -> {
                    // comments and the like
                }
            }
        }
    }

    private void skip() throws BrokenException {
        text(_ -> {});
    }

    private int next() throws BrokenException {
        int event;
        try {
            if (!reader.hasNext()) {
                throw refused("the file ends too early");
            }
            event = reader.next();
        } catch (XMLStreamException malformed) {
            throw broken(malformed, malformed.getLocation());
        } catch (RuntimeException unreadable) {
            throw broken(unreadable, reader.getLocation());
        }
        switch (event) {
            case XMLStreamConstants.DTD -> throw refused("a document type declaration is not taken");
            case XMLStreamConstants.ENTITY_REFERENCE -> throw refused("an entity is not declared");
            case XMLStreamConstants.START_ELEMENT -> {
                if (++depth > MAX_DEPTH) {
                    throw refused("elements are more than " + MAX_DEPTH + " deep");
                }
            }
            case XMLStreamConstants.END_ELEMENT -> depth--;
            default -> {
                // nothing that matters everywhere
            }
        }
        return event;
    }

    private void close() {
        try {
            reader.close();
        } catch (XMLStreamException | RuntimeException _) {
            // it has been read
        }
    }

    private String attribute(String name) {
        for (int i = 0; i < reader.getAttributeCount(); i++) {
            if (reader.getAttributeLocalName(i).equals(name)) {
                return reader.getAttributeValue(i);
            }
        }
        return "";
    }

    /** Some runners put the class into the name, too. */
    private static String named(String className, String name) {
        var inner = Texts.clean(name.strip());
        var outer = Texts.clean(className.strip());
        if (outer.isEmpty() || inner.startsWith(outer)) {
            return inner.isEmpty() ? "(no name)" : inner;
        }
        return inner.isEmpty() ? outer : outer + "." + inner;
    }

    /** What a test without an element for it says in an attribute. */
    private static TestResultStatus declared(String status, String result) {
        var said =
                List.of(status.strip().toLowerCase(Locale.ROOT), result.strip().toLowerCase(Locale.ROOT));
        if (said.stream().anyMatch(BROKEN::contains)) {
            return TestResultStatus.FAILED;
        }
        return said.stream().anyMatch(LEFT_OUT::contains) ? TestResultStatus.SKIPPED : TestResultStatus.PASSED;
    }

    /** Seconds as any runner writes them: {@code 0.5}, {@code 1,234.5}, {@code 0,5}; 0 for what is none. */
    static Duration duration(String time) {
        var text = time.strip();
        if (text.indexOf(',') >= 0) {
            boolean thousands = text.lastIndexOf('.') > text.lastIndexOf(',')
                    || THOUSANDS.matcher(text).matches();
            text = thousands ? text.replace(",", "") : text.replace(".", "").replace(',', '.');
        }
        try {
            double seconds = Double.parseDouble(text);
            return Double.isNaN(seconds) || seconds <= 0
                    ? Duration.ZERO
                    : Duration.ofNanos(Math.round(Math.min(seconds, LONGEST) * 1e6) * 1_000);
        } catch (NumberFormatException _) {
            return Duration.ZERO;
        }
    }

    private BrokenException refused(String problem) {
        return new BrokenException(problem, reader.getLocation());
    }

    /** The parser's own words, without the place, which is told apart. */
    private static BrokenException broken(Exception failure, @Nullable Location location) {
        var message = failure instanceof XMLStreamException ? String.valueOf(failure.getMessage()) : "";
        int own = message.indexOf("Message: ");
        var problem = own < 0 ? "it cannot be read as XML" : message.substring(own + "Message: ".length());
        return new BrokenException(shown(problem.lines().findFirst().orElse("")), location);
    }

    private static String shown(String text) {
        return Texts.cut(Texts.clean(text.strip()), MAX_MESSAGE);
    }

    private static XMLInputFactory factory() {
        var factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        factory.setProperty(XMLInputFactory.IS_REPLACING_ENTITY_REFERENCES, false);
        factory.setProperty(XMLInputFactory.IS_COALESCING, false);
        factory.setProperty(XMLInputFactory.IS_NAMESPACE_AWARE, true);
        factory.setXMLResolver((publicId, systemId, base, namespace) -> {
            throw new XMLStreamException("nothing outside of the file is read");
        });
        return factory;
    }
}
