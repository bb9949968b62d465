package dev.sortie.mission.domain;

import java.util.UUID;

/** Where a parameter of a tool comes from. */
public sealed interface ParameterMapping {

    /** The content of an asset. */
    record AssetField(UUID assetId) implements ParameterMapping {}

    /**
     * A value given in the step itself.
     *
     * @param value any JSON value, null included, as text
     */
    record LiteralValue(String value) implements ParameterMapping {}

    /** A value of the step's {@code resource_configs}, else of the mission's {@code metadata.config}. */
    record ConfigValue(String configKey) implements ParameterMapping {}
}
