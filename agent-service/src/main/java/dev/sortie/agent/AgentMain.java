package dev.sortie.agent;

import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.process.ServiceProcess;

/** The command line of agent-service. */
public final class AgentMain {
    private AgentMain() {}

    public static void main(String[] arguments) {
        ServiceProcess.main(
                AgentServer.IDENTITY,
                new ServiceProcess.Program<AgentConfig>() {
                    @Override
                    public AgentConfig read(Settings settings) {
                        return AgentConfig.read(settings);
                    }

                    @Override
                    public AutoCloseable start(AgentConfig config) {
                        return AgentServer.start(config);
                    }
                },
                System.getenv(),
                arguments);
    }
}
