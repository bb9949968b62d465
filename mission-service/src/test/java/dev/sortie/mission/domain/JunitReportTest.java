package dev.sortie.mission.domain;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayInputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JunitReportTest {

    private static final String SUREFIRE = """
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0.2" name="dev.acme.NotifierTest"
                time="1,204.5" tests="4" errors="1" skipped="1" failures="1">
              <properties><property name="db.password" value="hunter2"/></properties>
              <testcase name="sends" classname="dev.acme.NotifierTest" time="1,203.25"/>
              <testcase name="calls back" classname="dev.acme.NotifierTest" time="0.5">
                <failure message="expected: &lt;1&gt; but was: &lt;2&gt;" type="java.lang.AssertionError"><![CDATA[java.lang.AssertionError
                at dev.acme.NotifierTest.callsBack(NotifierTest.java:12)]]></failure>
                <rerunFailure message="again" type="java.lang.AssertionError"><stackTrace>trace of the rerun</stackTrace></rerunFailure>
                <system-out>sent to 7</system-out>
              </testcase>
              <testcase name="is flaky" classname="dev.acme.NotifierTest" time="0.25">
                <flakyFailure message="once" type="x"><stackTrace>trace of the first try</stackTrace></flakyFailure>
              </testcase>
              <testcase name="is left out" classname="dev.acme.NotifierTest"><skipped message="no network"/></testcase>
            </testsuite>
            """;

    @Test
    void readsWhatSurefireWrites() throws Exception {
        var report = read(SUREFIRE);
        assertThat(report.lines())
                .containsExactly(
                        "dev.acme.NotifierTest.sends PASSED PT20M3.25S",
                        "dev.acme.NotifierTest.calls back FAILED PT0.5S: expected: <1> but was: <2>",
                        "dev.acme.NotifierTest.is flaky PASSED PT0.25S",
                        "dev.acme.NotifierTest.is left out SKIPPED PT0S: no network");
        assertThat(report.tests.get(1).traceback()).contains("NotifierTest.java:12");
        assertThat(report.log.toString())
                .contains("[dev.acme.NotifierTest.calls back: rerunFailure]again\ntrace of the rerun")
                .contains("[dev.acme.NotifierTest.calls back: system-out]sent to 7")
                .contains("[dev.acme.NotifierTest.is flaky: flakyFailure]once\ntrace of the first try")
                .doesNotContain("hunter2");
    }

    @Test
    void readsWhatPytestWrites() throws Exception {
        assertThat(read("""
                                <?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="0" skipped="1" tests="3" time="0.123" timestamp="2025-11-05T10:00:00+00:00" hostname="ci"><testcase classname="tests.test_bot.TestSend" name="test_send[a-1]" time="0.002" /><testcase classname="tests.test_bot" name="test_db" time="0.001"><error message="failed on setup with &quot;KeyError: 'callback_data'&quot;">def db(): ...</error></testcase><testcase classname="tests.test_bot" name="test_net" time="0.0"><skipped type="pytest.skip" message="offline">/tests/test_bot.py:7: offline</skipped></testcase></testsuite></testsuites>""").lines())
                .containsExactly(
                        "tests.test_bot.TestSend.test_send[a-1] PASSED PT0.002S",
                        "tests.test_bot.test_db FAILED PT0.001S: failed on setup with \"KeyError: 'callback_data'\"",
                        "tests.test_bot.test_net SKIPPED PT0S: offline");
    }

    @Test
    void readsWhatJestAndGotestsumAndPhpunitWrite() throws Exception {
        assertThat(read("""
                        <testsuites name="jest tests" tests="2" failures="1" time="1.5">
                          <testsuite name="Landing page" errors="0" failures="1" skipped="0" timestamp="2025-11-05T10:00:00" time="1.2" tests="2">
                            <testcase classname="Landing page renders" name="Landing page renders" time="0.012"></testcase>
                            <testcase classname="Landing page links" name="Landing page links" time="0.01">
                              <failure>Error: expect(received).toBe(expected)
                            at Object.&lt;anonymous&gt; (page.test.js:3:1)</failure>
                            </testcase>
                          </testsuite>
                        </testsuites>
                        """).lines())
                .containsExactly(
                        "Landing page renders PASSED PT0.012S",
                        "Landing page links FAILED PT0.01S: Error: expect(received).toBe(expected)");
        assertThat(read("""
                        <testsuites tests="2" failures="1" errors="0" time="0.01">
                          <testsuite tests="2" failures="1" time="0.001" name="example.com/bot" timestamp="2025-11-05T10:00:00Z">
                            <properties><property name="go.version" value="go1.25"></property></properties>
                            <testcase classname="example.com/bot" name="TestSend" time="0.000000"></testcase>
                            <testcase classname="example.com/bot" name="TestSend/empty" time="0.000000">
                              <failure message="Failed" type="">bot_test.go:9: no text</failure>
                            </testcase>
                          </testsuite>
                        </testsuites>
                        """).lines())
                .containsExactly(
                        "example.com/bot.TestSend PASSED PT0S", "example.com/bot.TestSend/empty FAILED PT0S: Failed");
        assertThat(read("""
                        <testsuites>
                          <testsuite name="" tests="3" assertions="3" errors="1" failures="0" skipped="0" time="0.05">
                            <testsuite name="Acme\\BotTest" file="/app/tests/BotTest.php" tests="2" time="0.05">
                              <testsuite name="Acme\\BotTest::testSend" tests="2" time="0.02">
                                <testcase name="testSend with data set #0" file="/app/tests/BotTest.php" line="9" class="Acme\\BotTest" classname="Acme.BotTest" assertions="1" time="0.012305"/>
                                <testcase name="testSend with data set #1" class="Acme\\BotTest" classname="Acme.BotTest" assertions="1" time="0.01">
                                  <error type="TypeError">Acme\\BotTest::testSend
                        TypeError: must be of type string</error>
                                </testcase>
                              </testsuite>
                            </testsuite>
                          </testsuite>
                        </testsuites>
                        """).lines())
                .containsExactly(
                        "Acme.BotTest.testSend with data set #0 PASSED PT0.012305S",
                        "Acme.BotTest.testSend with data set #1 FAILED PT0.01S: Acme\\BotTest::testSend");
    }

    @Test
    void makesUpForWhatIsMissing() throws Exception {
        assertThat(read("""
                        <testsuite><testcase/><testcase name="alone"/>
                          <testsuite name="inner"><testcase name="t"/><error message="the suite broke"/>
                            <testcase name="u" status="notrun"/><testcase name="v" result="error"/>
                            <testcase name="w"><unknown><failure/></unknown></testcase></testsuite>
                        </testsuite>
                        """).lines())
                .containsExactly(
                        "(no name) PASSED PT0S",
                        "alone PASSED PT0S",
                        "inner.t PASSED PT0S",
                        "inner FAILED PT0S: the suite broke",
                        "inner.u SKIPPED PT0S",
                        "inner.v FAILED PT0S",
                        "inner.w PASSED PT0S");
    }

    @Test
    void keepsEveryFailureOfATest() throws Exception {
        var test = read("<testsuite><testcase name='t'><failure message='one'>a</failure><error message='two'>b</error>"
                        + "</testcase></testsuite>")
                .tests
                .getFirst();
        assertThat(test.error()).isEqualTo("one");
        assertThat(test.traceback()).isEqualTo("a\ntwo\nb");
    }

    @Test
    void readsTheEncodingThatAFileDeclares() throws Exception {
        var text = "<testsuite><testcase name='Grüße 💡'/></testsuite>";
        assertThat(read(text.getBytes(UTF_8)).lines()).containsExactly("Grüße 💡 PASSED PT0S");
        assertThat(read(("\uFEFF" + text).getBytes(UTF_8)).lines()).containsExactly("Grüße 💡 PASSED PT0S");
        assertThat(read(("<?xml version='1.0' encoding='UTF-16'?>" + text).getBytes(UTF_16))
                        .lines())
                .containsExactly("Grüße 💡 PASSED PT0S");
        assertThat(read("<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='Grüße'/></testsuite>"
                                .getBytes(ISO_8859_1))
                        .lines())
                .containsExactly("Grüße PASSED PT0S");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0.5|PT0.5S",
                "1,234.5|PT20M34.5S",
                "1,234|PT20M34S",
                "1,234,567.5|PT168H",
                "0,5|PT0.5S",
                "1.234,5|PT20M34.5S",
                "1.2e-05|PT0.000012S",
                "-3|PT0S",
                "NaN|PT0S",
                "soon|PT0S",
                "1e999|PT168H",
                "' '|PT0S"
            })
    void readsTimesAsRunnersWriteThem(String time, Duration expected) {
        assertThat(JunitReport.duration(time)).isEqualTo(expected);
    }

    @Test
    void cutsWhatIsTooLong() throws Exception {
        var test = read("<testsuite><testcase name='t'><failure message='" + "m".repeat(10_000) + "'>"
                        + "💡".repeat(40_000) + "</failure></testcase></testsuite>")
                .tests
                .getFirst();
        assertThat(test.error()).hasSize(JunitReport.MAX_ERROR).endsWith("…");
        assertThat(test.traceback())
                .hasSizeLessThanOrEqualTo(JunitReport.MAX_TRACEBACK)
                .endsWith("…");
        assertThat(Texts.clean(test.traceback())).isEqualTo(test.traceback());
    }

    @Test
    void tellsWhereAFileIsBroken() {
        assertThat(broken("<testsuite>\n  <testcase name='t'>\n</testsuite>")).satisfies(at -> {
            assertThat(at.line()).isEqualTo(3);
            assertThat(at.column()).isPositive();
            assertThat(at.problem()).contains("testcase");
        });
        assertThat(broken("").problem()).isNotEmpty();
        assertThat(broken("{}").line()).isEqualTo(1);
        assertThat(broken("<html/>").problem()).contains("<html>");
        assertThat(broken("<testsuite/><testsuite/>").problem()).isNotEmpty();
        assertThat(broken("<?xml version='1.0' encoding='klingon'?><testsuite/>")
                        .problem())
                .isNotEmpty();
    }

    @Test
    void takesNoDeclarationsAndNoEntities() {
        assertThat(broken(
                                "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><testsuite><testcase name='&x;'/></testsuite>")
                        .problem())
                .isNotEmpty();
        assertThat(broken("<!DOCTYPE a SYSTEM 'http://localhost:1/a.dtd'><testsuite/>")
                        .problem())
                .contains("declaration");
        assertThat(broken("<testsuite><testcase name='t'><failure>&lol;</failure></testcase></testsuite>")
                        .problem())
                .isNotEmpty();
    }

    @Test
    void refusesElementsThatAreTooDeep() {
        assertThat(broken("<testsuite>".repeat(1_000_000)).problem()).contains("deep");
        assertThat(broken("<testsuite><x>" + "<a>".repeat(200)).problem()).contains("deep");
    }

    @Test
    void readsOrRefusesWhateverComes() {
        var random = new Random(47);
        var original = SUREFIRE.getBytes(UTF_8);
        var fragments = List.of(
                "<",
                ">",
                "&",
                "]]>",
                "<![CDATA[",
                "<!--",
                "<!DOCTYPE a>",
                "<testcase",
                "</testsuite>",
                "\0",
                "&#0;",
                "&#55357;",
                "<?x?>",
                "'",
                "\"",
                "xmlns='u'",
                "a:b",
                "\uFEFF",
                "encoding='UTF-16'",
                "version='1.1'");
        for (int round = 0; round < 4_000; round++) {
            var bytes = original.clone();
            for (int change = random.nextInt(6); change >= 0; change--) {
                int at = random.nextInt(bytes.length);
                switch (random.nextInt(4)) {
                    case 0 -> bytes[at] = (byte) random.nextInt(256);
                    case 1 -> bytes = Arrays.copyOf(bytes, at + 1);
                    case 2 -> {
                        var fragment =
                                fragments.get(random.nextInt(fragments.size())).getBytes(UTF_8);
                        System.arraycopy(fragment, 0, bytes, at, Math.min(fragment.length, bytes.length - at));
                    }
                    default -> System.arraycopy(bytes, 0, bytes, at, bytes.length - at);
                }
            }
            try {
                for (var test : read(bytes).tests) {
                    assertThat(test.name()).isNotEmpty().doesNotContain("\0");
                    assertThat(test.error()).hasSizeLessThanOrEqualTo(JunitReport.MAX_ERROR);
                    assertThat(test.traceback()).hasSizeLessThanOrEqualTo(JunitReport.MAX_TRACEBACK);
                    assertThat(test.duration()).isBetween(Duration.ZERO, Duration.ofDays(7));
                }
            } catch (JunitReport.BrokenException refused) {
                assertThat(refused.problem()).isNotEmpty().hasSizeLessThanOrEqualTo(300);
            }
        }
    }

    private static JunitReport.BrokenException broken(String text) {
        return catchThrowableOfType(JunitReport.BrokenException.class, () -> read(text));
    }

    private static Report read(String text) throws JunitReport.BrokenException {
        return read(text.getBytes(UTF_8));
    }

    private static Report read(byte[] bytes) throws JunitReport.BrokenException {
        var report = new Report();
        JunitReport.read(new ByteArrayInputStream(bytes), report);
        return report;
    }

    /** What was read. */
    private static final class Report implements JunitReport.Sink {
        final List<JunitReport.Test> tests = new ArrayList<>();
        final StringBuilder log = new StringBuilder();

        @Override
        public void test(JunitReport.Test test) {
            tests.add(test);
        }

        @Override
        public void log(@Nullable String title, String text) {
            log.append(title == null ? "" : "[" + title + "]").append(text);
        }

        List<String> lines() {
            return tests.stream()
                    .map(test -> test.name() + " " + test.status() + " " + test.duration()
                            + (test.error().isEmpty() ? "" : ": " + test.error()))
                    .toList();
        }
    }
}
