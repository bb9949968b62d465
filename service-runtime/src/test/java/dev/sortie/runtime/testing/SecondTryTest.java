package dev.sortie.runtime.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

class SecondTryTest {
    private static final AtomicInteger RUNS = new AtomicInteger();

    private static Path notes = Path.of("target", "unset");

    @Test
    void runsATestThatFailedOnceMoreAndNotesThatItPassedThen(@TempDir Path folder) throws IOException {
        var tests = run(folder, Unsteady.class);
        tests.assertStatistics(found -> found.succeeded(1).failed(0));
        assertThat(RUNS).hasValue(2);
        assertThat(Files.readString(notes)).contains(Unsteady.class.getName(), "failsTheFirstTime()", "the first time");
    }

    @Test
    void leavesATestFailedThatFailsTwice(@TempDir Path folder) {
        var tests = run(folder, Broken.class);
        tests.assertStatistics(found -> found.succeeded(0).failed(1));
        assertThat(RUNS).hasValue(2);
        assertThat(notes).doesNotExist();
    }

    @Test
    void runsATestThatPassedOnce(@TempDir Path folder) {
        var tests = run(folder, Steady.class);
        tests.assertStatistics(found -> found.succeeded(1));
        assertThat(RUNS).hasValue(1);
        assertThat(notes).doesNotExist();
    }

    private static Events run(Path folder, Class<?> tests) {
        RUNS.set(0);
        notes = folder.resolve("notes");
        return EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(tests))
                .execute()
                .testEvents();
    }

    static class Unsteady {
        @RegisterExtension
        static final SecondTry SECOND_TRY = new SecondTry(notes);

        @Test
        void failsTheFirstTime() {
            assertThat(RUNS.incrementAndGet()).as("the first time").isEqualTo(2);
        }
    }

    static class Broken {
        @RegisterExtension
        static final SecondTry SECOND_TRY = new SecondTry(notes);

        @Test
        void failsEachTime() {
            assertThat(RUNS.incrementAndGet()).isNegative();
        }
    }

    static class Steady {
        @RegisterExtension
        static final SecondTry SECOND_TRY = new SecondTry(notes);

        @Test
        void passes() {
            RUNS.incrementAndGet();
        }
    }
}
