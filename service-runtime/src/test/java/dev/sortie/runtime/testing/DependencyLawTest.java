package dev.sortie.runtime.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * proto ← service-runtime ← services ← deploy/*. No service depends on another: they meet only through stubs, so that
 * each can be built, released and understood alone.
 */
class DependencyLawTest {

    private static final Set<String> SERVICES =
            Set.of("sortie-mission-service", "sortie-agent-service", "sortie-knowledge-service");
    private static final Set<String> BELOW_SERVICES = Set.of("sortie-proto", "sortie-service-runtime");
    private static final Map<String, Set<String>> ALLOWED = Map.of(
            "proto",
            Set.of(),
            "service-runtime",
            Set.of("sortie-proto"),
            "mission-service",
            BELOW_SERVICES,
            "agent-service",
            BELOW_SERVICES,
            "knowledge-service",
            BELOW_SERVICES,
            // Workers and clients like anybody's: they have the contract and nothing else.
            "deploy/demo",
            Set.of("sortie-proto"),
            "deploy/cli",
            Set.of("sortie-proto"));

    private static final Path TOP = Path.of("..");
    private static final Pattern DEPENDENCY =
            Pattern.compile("<dependency>\\s*<groupId>dev\\.sortie</groupId>\\s*<artifactId>([a-z0-9-]+)</artifactId>");

    @Test
    void everyModuleDependsOnlyOnWhatStandsBelowIt() throws IOException {
        for (var entry : ALLOWED.entrySet()) {
            assertThat(dependencies(Files.readString(TOP.resolve(entry.getKey()).resolve("pom.xml"))))
                    .as("what %s depends on in this build", entry.getKey())
                    .isSubsetOf(entry.getValue());
        }
    }

    @Test
    void onlyDeployModulesAssembleServices() throws IOException {
        for (var module : modules(TOP)) {
            if (!module.startsWith("deploy")) {
                assertThat(dependencies(Files.readString(TOP.resolve(module).resolve("pom.xml"))))
                        .as("what %s depends on in this build", module)
                        .doesNotContainAnyElementsOf(SERVICES);
            }
        }
    }

    @Test
    void everyTopLevelModuleHasItsPlaceInTheLaw() throws IOException {
        assertThat(modules(TOP))
                .allSatisfy(module -> assertThat(module.equals("deploy") || ALLOWED.containsKey(module))
                        .as("%s stands in this test", module)
                        .isTrue());
    }

    @Test
    void readsDependenciesWhereverTheyStand() {
        assertThat(dependencies("""
                        <dependency>
                          <groupId>dev.sortie</groupId>
                          <artifactId>sortie-agent-service</artifactId>
                          <scope>test</scope>
                        </dependency>
                        <dependency><groupId>io.grpc</groupId><artifactId>grpc-api</artifactId></dependency>
                        """)).containsExactly("sortie-agent-service");
    }

    private static Set<String> dependencies(String pom) {
        var found = new TreeSet<String>();
        DEPENDENCY.matcher(pom).results().forEach(match -> found.add(match.group(1)));
        return found;
    }

    private static List<String> modules(Path folder) throws IOException {
        return Pattern.compile("<module>([^<]+)</module>")
                .matcher(Files.readString(folder.resolve("pom.xml")))
                .results()
                .map(match -> match.group(1))
                .toList();
    }
}
