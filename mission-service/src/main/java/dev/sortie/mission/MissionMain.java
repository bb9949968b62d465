package dev.sortie.mission;

import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.process.ServiceProcess;

/** The command line of mission-service: {@code [serve | migrate | --help]}. */
public final class MissionMain {
    private MissionMain() {}

    static final class Program implements ServiceProcess.Program<MissionConfig> {
        @Override
        public MissionConfig read(Settings settings) {
            return MissionConfig.read(settings);
        }

        @Override
        public AutoCloseable start(MissionConfig config) {
            return MissionServer.start(config);
        }
    }

    public static void main(String[] arguments) {
        ServiceProcess.main(MissionServer.IDENTITY, new Program(), System.getenv(), arguments);
    }
}
