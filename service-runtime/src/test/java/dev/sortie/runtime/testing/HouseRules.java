package dev.sortie.runtime.testing;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.conditions.ArchPredicates.are;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullMarked;

/**
 * The rules of the house, each with its reason, as one test of a module:
 *
 * <pre>{@code
 * HouseRules.ofService("dev.sortie.mission")
 *         .withClientAdapters("dev.sortie.mission.client.AgentClient")
 *         .check();
 * }</pre>
 */
public final class HouseRules {

    private static final Pattern SELECT_STAR = Pattern.compile("(?i)\\bselect\\s+(distinct\\s+)?(\\w+\\.)?\\*");

    static {
        // The rules need the names of what a class uses, not what those things are made of: much faster.
        ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);
    }

    private final String root;
    private final boolean service;
    private final List<String> clientAdapters;
    private final List<String> environmentReaders;

    private HouseRules(String root, boolean service, List<String> clientAdapters, List<String> environmentReaders) {
        this.root = root;
        this.service = service;
        this.clientAdapters = clientAdapters;
        this.environmentReaders = environmentReaders;
    }

    /** The rules for a service, which has the layers api, domain and store. */
    public static HouseRules ofService(String rootPackage) {
        return new HouseRules(rootPackage, true, List.of(), List.of());
    }

    /** The rules for everything else. */
    public static HouseRules ofLibrary(String rootPackage) {
        return new HouseRules(rootPackage, false, List.of(), List.of());
    }

    /** Classes (by full name, with what they enclose) which call other services, and so may import io.grpc. */
    public HouseRules withClientAdapters(String... classNames) {
        return new HouseRules(root, service, List.of(classNames), environmentReaders);
    }

    /** Classes (by full name) that read the environment although they are neither Config nor Main. */
    public HouseRules withEnvironmentReaders(String... classNames) {
        return new HouseRules(root, service, clientAdapters, List.of(classNames));
    }

    /** Fails when a class under the root package, or a source of this module, breaks a rule; names all of them. */
    public void check() {
        // The stubs of dev.sortie.mission.v1 lie below dev.sortie.mission; nobody wrote them.
        var all = new ClassFileImporter().importPackages(root).that(DescribedPredicate.not(IN_STUBS));
        var broken = violations(all.that(MAIN), all.that(DescribedPredicate.not(MAIN)));
        broken.addAll(sources(Path.of("src/main/java")));
        if (!broken.isEmpty()) {
            throw new AssertionError("The house rules are broken:\n" + String.join("\n", broken));
        }
    }

    /** What breaks the rules; empty when nothing does. */
    List<String> violations(JavaClasses main, JavaClasses tests) {
        var broken = new ArrayList<String>();
        if (main.isEmpty()) {
            broken.add("There is no class under " + root + ".");
        }
        var rules = new ArrayList<ArchRule>();
        rules.addAll(everywhere());
        if (service) {
            rules.addAll(layers());
        }
        for (var rule : rules) {
            collect(rule, main, broken);
        }
        collect(
                noClasses()
                        .should()
                        .callMethod(Thread.class, "sleep", long.class)
                        .orShould()
                        .callMethod(Thread.class, "sleep", java.time.Duration.class)
                        .because("a test that sleeps is slow on a fast machine and wrong on a slow one; wait on a"
                                + " condition"),
                tests,
                broken);
        return broken;
    }

    /** What is wrong in the sources under a folder. */
    static List<String> sources(Path folder) {
        var broken = new ArrayList<String>();
        if (!Files.isDirectory(folder)) {
            return broken;
        }
        try (var paths = Files.walk(folder)) {
            for (var path : paths.filter(path -> path.toString().endsWith(".java"))
                    .sorted()
                    .toList()) {
                if (SELECT_STAR.matcher(Files.readString(path)).find()) {
                    broken.add(
                            path + ": SELECT *, which changes its meaning with the next migration; name the columns");
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return broken;
    }

    private List<ArchRule> everywhere() {
        return List.of(
                noClasses()
                        .should()
                        .haveSimpleNameStartingWith("Abstract")
                        .orShould()
                        .haveSimpleNameStartingWith("Common")
                        .orShould()
                        .haveNameMatching(".*(Util|Utils|Helper|Helpers|Impl)")
                        .because(
                                "a name says what the thing does, and a class with such a name ends up doing anything"),
                noClasses()
                        .that(are(not(environmentReader())))
                        .should()
                        .callMethod(System.class, "getenv")
                        .orShould()
                        .callMethod(System.class, "getenv", String.class)
                        .because("settings are one record, read once, by *Config or *Main"),
                classes()
                        .should(BE_IN_A_NULL_MARKED_PACKAGE)
                        .because("null is checked only in packages that are @NullMarked in their package-info.java"));
    }

    private List<ArchRule> layers() {
        var grpcUsers = resideInAnyPackage(root + ".api..", root).or(named(clientAdapters));
        return List.of(
                noClasses()
                        .that(are(not(grpcUsers)))
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage("io.grpc..")
                        .because("transport ends in api; who calls other services is a named client adapter"),
                noClasses()
                        .that(resideOutsideOfPackages(root + ".store.."))
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("io.vertx.sqlclient..", "io.vertx.pgclient..")
                        .because("SQL stands in store, next to its row mapping"),
                noClasses()
                        .that()
                        .resideInAPackage(root + ".domain..")
                        .should()
                        .dependOnClassesThat(are(
                                resideInAnyPackage("io.grpc..", "io.vertx..").or(STUBS)))
                        .because(
                                "the domain knows no framework and no message; of the stubs only the reasons of failures"),
                noClasses()
                        .that()
                        .resideInAnyPackage(root + ".domain..", root + ".store..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage(root + ".api..")
                        .because("calls go from api inwards"),
                noClasses()
                        .that()
                        .resideInAnyPackage(root + ".api..", root + ".domain..", root + ".store..")
                        .should()
                        .callMethod(Instant.class, "now")
                        .orShould()
                        .callMethod(Clock.class, "systemUTC")
                        .orShould()
                        .callMethod(InstantSource.class, "system")
                        .orShould()
                        .callMethod(System.class, "currentTimeMillis")
                        .orShould()
                        .callMethod(UUID.class, "randomUUID")
                        .because("time and ids are injected, so that tests can set them"));
    }

    private static void collect(ArchRule rule, JavaClasses classes, List<String> broken) {
        var failures = rule.allowEmptyShould(true).evaluate(classes).getFailureReport();
        if (!failures.isEmpty()) {
            broken.add(failures.toString());
        }
    }

    private DescribedPredicate<JavaClass> environmentReader() {
        return DescribedPredicate.describe("Config, Main or named to read the environment", type -> {
            var outermost = outermost(type);
            return outermost.getSimpleName().endsWith("Config")
                    || outermost.getSimpleName().endsWith("Main")
                    || environmentReaders.contains(outermost.getName());
        });
    }

    private static DescribedPredicate<JavaClass> named(List<String> names) {
        return DescribedPredicate.describe(
                "named as client adapters",
                type -> names.contains(outermost(type).getName()));
    }

    private static <T> DescribedPredicate<T> not(DescribedPredicate<T> predicate) {
        return DescribedPredicate.not(predicate);
    }

    private static JavaClass outermost(JavaClass type) {
        return type.getEnclosingClass().map(HouseRules::outermost).orElse(type);
    }

    /** Everything that was not compiled from src/test. */
    private static final DescribedPredicate<JavaClass> MAIN = DescribedPredicate.describe(
            "main classes",
            type -> type.getSource()
                    .map(source -> source.getUri().toString())
                    .filter(uri -> !uri.contains("/test-classes/") && !uri.contains("-tests.jar!"))
                    .isPresent());

    /** Generated from the contract. */
    private static final DescribedPredicate<JavaClass> IN_STUBS = DescribedPredicate.describe(
            "in a package of stubs", type -> type.getPackageName().matches("dev\\.sortie\\.[a-z]+\\.v[0-9]+"));

    /** Generated from the contract, but for the enums of reasons, in which failures are told. */
    private static final DescribedPredicate<JavaClass> STUBS = DescribedPredicate.describe(
            "generated stubs",
            type -> IN_STUBS.test(type) && !type.getSimpleName().endsWith("ErrorReason"));

    private static final ArchCondition<JavaClass> BE_IN_A_NULL_MARKED_PACKAGE =
            new ArchCondition<>("be in a @NullMarked package") {
                @Override
                public void check(JavaClass type, ConditionEvents events) {
                    if (!type.getPackage().isAnnotatedWith(NullMarked.class)) {
                        events.add(SimpleConditionEvent.violated(
                                type, type.getName() + " is in a package without @NullMarked"));
                    }
                }
            };
}
