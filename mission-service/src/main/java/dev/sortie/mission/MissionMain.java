package dev.sortie.mission;

import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.process.ServiceProcess;
import java.util.List;

/** The command line of mission-service: {@code [serve | migrate | rotate-keys | --help]}. */
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

        @Override
        public List<ServiceProcess.Command<?>> commands() {
            return List.of(new RotateKeys());
        }
    }

    public static void main(String[] arguments) {
        ServiceProcess.main(MissionServer.IDENTITY, new Program(), System.getenv(), arguments);
    }
}
