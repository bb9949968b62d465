package dev.sortie.e2e;

import dev.sortie.runtime.testing.HouseRules;
import org.junit.jupiter.api.Test;

/** For the modules that cannot use the fixtures in tests of their own; see their poms. */
class HouseRulesTest {

    @Test
    void theLauncherKeepsThem() {
        HouseRules.ofLibrary("dev.sortie.local").check();
    }

    @Test
    void theCommandLineKeepsThem() {
        HouseRules.ofLibrary("dev.sortie.cli").check();
    }

    @Test
    void theDemoKeepsThem() {
        HouseRules.ofLibrary("dev.sortie.demo").check();
    }
}
