package dev.sortie.mission;

import dev.sortie.runtime.testing.HouseRules;
import org.junit.jupiter.api.Test;

class HouseRulesTest {

    @Test
    void missionServiceKeepsTheHouseRules() {
        HouseRules.ofService("dev.sortie.mission")
                .withClientAdapters("dev.sortie.mission.work.AgentClient")
                .check();
    }
}
