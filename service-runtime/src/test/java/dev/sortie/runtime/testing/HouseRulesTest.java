package dev.sortie.runtime.testing;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class HouseRulesTest {

    private static final String SAMPLES = "dev.sortie.samples";
    private static final JavaClasses NONE = new ClassFileImporter().importClasses(List.of());

    @Test
    void theRuntimeKeepsThem() {
        HouseRules.ofLibrary("dev.sortie.runtime").check();
    }

    @Test
    void acceptAServiceThatKeepsThem() {
        assertThat(HouseRules.ofService(SAMPLES + ".good")
                        .withClientAdapters(SAMPLES + ".good.AgentClient")
                        .violations(classes("good"), NONE))
                .isEmpty();
    }

    @Test
    void nameEveryRuleThatIsBroken() {
        assertThat(HouseRules.ofService(SAMPLES + ".bad").violations(classes("bad"), classes("bad")))
                .satisfiesExactlyInAnyOrder(
                        broken -> assertThat(broken).contains("HopHelper", "a name says what"),
                        broken -> assertThat(broken).contains("HopHelper", "settings are one record"),
                        broken -> assertThat(broken).contains("HopStore", "@NullMarked"),
                        broken -> assertThat(broken).contains("HopStore", "transport ends in api"),
                        broken -> assertThat(broken).contains("HopGrpcService", "SQL stands in store"),
                        broken -> assertThat(broken).contains("Vertx", "Change", "the domain knows no framework"),
                        broken -> assertThat(broken).contains("Hops", "calls go from api inwards"),
                        broken -> assertThat(broken).contains("Instant.now()", "time and ids are injected"),
                        broken -> assertThat(broken).contains("Thread.sleep", "wait on a condition"));
    }

    @Test
    void failWhereThereIsNothingToCheck() {
        assertThat(HouseRules.ofService("dev.sortie.nowhere").violations(NONE, NONE))
                .singleElement()
                .asString()
                .contains("dev.sortie.nowhere");
    }

    @Test
    void findSelectStarInSources() {
        assertThat(HouseRules.sources(Path.of("src/test/java/dev/sortie/samples")))
                .singleElement()
                .asString()
                .contains("HopStore.java", "SELECT *");
    }

    private static JavaClasses classes(String sample) {
        return new ClassFileImporter().importPackages(SAMPLES + "." + sample);
    }
}
