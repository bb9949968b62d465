package dev.sortie.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ProtocolMessageEnum;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every reason that the contract promises is given by the code, and by a test that makes it happen. */
class ReasonCatalogueTest {

    private static final Path TOP = Path.of("../..");
    private static final List<String> SERVICES = List.of("mission-service", "agent-service", "knowledge-service");

    static List<ProtocolMessageEnum> missionReasons() {
        return reasons(dev.sortie.mission.v1.ErrorReason.values());
    }

    static List<ProtocolMessageEnum> agentReasons() {
        return reasons(dev.sortie.agent.v1.ErrorReason.values());
    }

    static List<ProtocolMessageEnum> knowledgeReasons() {
        return reasons(dev.sortie.knowledge.v1.ErrorReason.values());
    }

    static List<ProtocolMessageEnum> commonReasons() {
        return reasons(dev.sortie.type.v1.ErrorReason.values());
    }

    @ParameterizedTest
    @MethodSource("missionReasons")
    void missionServiceGivesAndTestsEachOfItsReasons(ProtocolMessageEnum reason) throws IOException {
        assertGivenAndTested(reason, List.of("mission-service"));
    }

    @ParameterizedTest
    @MethodSource("agentReasons")
    void agentServiceGivesAndTestsEachOfItsReasons(ProtocolMessageEnum reason) throws IOException {
        assertGivenAndTested(reason, List.of("agent-service"));
    }

    @ParameterizedTest
    @MethodSource("knowledgeReasons")
    void knowledgeServiceGivesAndTestsEachOfItsReasons(ProtocolMessageEnum reason) throws IOException {
        assertGivenAndTested(reason, List.of("knowledge-service"));
    }

    @ParameterizedTest
    @MethodSource("commonReasons")
    void someServiceGivesAndTestsEachCommonReason(ProtocolMessageEnum reason) throws IOException {
        assertGivenAndTested(
                reason,
                Stream.concat(SERVICES.stream(), Stream.of("service-runtime")).toList());
    }

    @Test
    void doesNotFindAReasonThatNobodyGives() throws IOException {
        assertThat(occurs("ERROR_REASON_" + "OF_NOBODY", List.of(TOP.resolve("service-runtime"))))
                .isFalse();
    }

    private static void assertGivenAndTested(ProtocolMessageEnum reason, List<String> modules) throws IOException {
        var name = reason.getValueDescriptor().getName();
        assertThat(occurs(name, folders(modules, "src/main/java")))
                .as("%s is given by the code of %s", name, modules)
                .isTrue();
        var tests = Stream.concat(
                        folders(modules, "src/test").stream(),
                        Stream.of(TOP.resolve("deploy/e2e/src/test"), TOP.resolve("deploy/e2e/scenarios")))
                .toList();
        assertThat(occurs(name, tests)).as("%s is asked for by a test", name).isTrue();
    }

    private static List<ProtocolMessageEnum> reasons(ProtocolMessageEnum... values) {
        return Stream.of(values)
                .filter(value -> !value.toString().equals("UNRECOGNIZED"))
                .filter(value -> value.getNumber() != 0)
                .toList();
    }

    private static List<Path> folders(List<String> modules, String folder) {
        return modules.stream()
                .map(module -> TOP.resolve(module).resolve(folder))
                .toList();
    }

    private static boolean occurs(String name, List<Path> folders) throws IOException {
        var word = Pattern.compile("\\b" + name + "\\b");
        for (var folder : folders) {
            if (!Files.isDirectory(folder)) {
                continue;
            }
            try (var paths = Files.walk(folder)) {
                for (var path : paths.filter(Files::isRegularFile).toList()) {
                    if (path.toString().matches(".*\\.(java|json)")
                            && word.matcher(Files.readString(path)).find()) {
                        return true;
                    }
                }
            }
        }
        return false;
    }
}
