package dev.sortie.samples.good;

import java.util.Map;

record SampleConfig(Map<String, String> settings) {
    static SampleConfig read() {
        return new SampleConfig(System.getenv());
    }
}
