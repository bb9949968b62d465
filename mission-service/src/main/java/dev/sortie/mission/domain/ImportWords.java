package dev.sortie.mission.domain;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What older systems call the values of enums. */
final class ImportWords {
    static final Map<String, MissionStatus> MISSION =
            of(MissionStatus.class, Map.of("complete", MissionStatus.COMPLETED, "canceled", MissionStatus.CANCELLED));
    static final Map<String, HopStatus> HOP = of(
            HopStatus.class,
            Map.of(
                    "complete", HopStatus.COMPLETED,
                    "canceled", HopStatus.CANCELLED,
                    "ready_to_design", HopStatus.PENDING,
                    "running", HopStatus.ACTIVE,
                    "in_progress", HopStatus.ACTIVE));
    static final Map<String, ToolStepStatus> STEP = of(
            ToolStepStatus.class,
            Map.of(
                    "complete", ToolStepStatus.COMPLETED,
                    "canceled", ToolStepStatus.CANCELLED,
                    "active", ToolStepStatus.RUNNING,
                    "in_progress", ToolStepStatus.RUNNING));
    static final Map<String, AssetScopeType> SCOPE = of(AssetScopeType.class, Map.of());
    static final Map<String, AssetRole> ASSET_ROLE = of(AssetRole.class, Map.of());
    static final Map<String, AssetStatus> ASSET_STATUS = of(AssetStatus.class, Map.of());
    static final Map<String, DodCategory> DOD_CATEGORY = of(DodCategory.class, Map.of());
    static final Map<String, TestRunStatus> TEST_RUN = of(TestRunStatus.class, Map.of());
    static final Map<String, TestResultStatus> TEST_RESULT =
            of(TestResultStatus.class, Map.of("error", TestResultStatus.FAILED));

    private ImportWords() {}

    /** The names of an enum's values, and what else they are called. */
    static <E extends Enum<E>> Map<String, E> of(Class<E> type, Map<String, E> others) {
        var words = new LinkedHashMap<String, E>();
        for (var value : type.getEnumConstants()) {
            words.put(value.name().toLowerCase(Locale.ROOT), value);
        }
        words.putAll(new TreeMap<>(others));
        return words;
    }
}
