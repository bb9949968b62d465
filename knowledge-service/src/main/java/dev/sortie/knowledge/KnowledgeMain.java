package dev.sortie.knowledge;

import dev.sortie.runtime.config.Settings;
import dev.sortie.runtime.process.ServiceProcess;

/** Runs knowledge-service: {@code [serve | migrate | --help]}. */
public final class KnowledgeMain {
    private KnowledgeMain() {}

    static final class Program implements ServiceProcess.Program<KnowledgeConfig> {
        @Override
        public KnowledgeConfig read(Settings settings) {
            return KnowledgeConfig.read(settings);
        }

        @Override
        public AutoCloseable start(KnowledgeConfig config) {
            return KnowledgeServer.start(config);
        }
    }

    public static void main(String[] arguments) {
        ServiceProcess.main(KnowledgeServer.IDENTITY, new Program(), System.getenv(), arguments);
    }
}
