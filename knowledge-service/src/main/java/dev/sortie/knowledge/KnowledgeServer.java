package dev.sortie.knowledge;

import dev.sortie.knowledge.api.ContextDocumentGrpcService;
import dev.sortie.knowledge.api.SearchGrpcService;
import dev.sortie.knowledge.domain.ContextDocuments;
import dev.sortie.knowledge.search.IndexFolder;
import dev.sortie.knowledge.search.SearchIndex;
import dev.sortie.knowledge.store.ContextDocumentStore;
import dev.sortie.runtime.grpc.PeerChannel;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.identity.RemoteIdentity;
import dev.sortie.runtime.process.ServiceIdentity;
import dev.sortie.runtime.process.ServiceRuntime;
import dev.sortie.runtime.sql.Migrations;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * Puts knowledge-service together.
 *
 * <p>It is ready once the database answers. The search index is not a part of that: while it is being built, Query asks
 * its callers to try again and everything else works.
 */
public final class KnowledgeServer {
    public static final ServiceIdentity IDENTITY =
            new ServiceIdentity("knowledge-service", "knowledge.sortie.dev", new Migrations("db/migration/knowledge"));

    private static final Duration PURGE_INTERVAL = Duration.ofMinutes(10);

    private KnowledgeServer() {}

    /** Starts the service; closing what is returned drains it. */
    public static ServiceRuntime start(KnowledgeConfig config) {
        return start(config, InstantSource.system(), runtime -> {
            var token = Objects.requireNonNullElse(config.serviceToken(), "");
            var mission = runtime.own(PeerChannel.open(config.missionAddress(), () -> token));
            return RemoteIdentity.authenticator(mission.channel(), runtime.clock());
        });
    }

    /** The same with a clock and a way to tell who calls: for tests. */
    static ServiceRuntime start(
            KnowledgeConfig config, InstantSource clock, Function<ServiceRuntime, Authenticator> authenticator) {
        var runtime = ServiceRuntime.open(IDENTITY, config.server(), config.database(), clock);
        try {
            serve(runtime, authenticator.apply(runtime), config.indexFolder());
            return runtime;
        } catch (RuntimeException failed) {
            runtime.close();
            throw failed;
        }
    }

    private static void serve(ServiceRuntime runtime, Authenticator authenticator, Path indexFolder) {
        // Before anything that takes time: two processes with one folder are a mistake to be told at once.
        var folder = runtime.own(IndexFolder.take(indexFolder));
        runtime.awaitDatabase();
        var store = new ContextDocumentStore();
        var documents = new ContextDocuments(store, runtime.ids());
        var index =
                runtime.own(SearchIndex.start(folder, runtime.database(), store, runtime.changes(), runtime.meters()));
        runtime.every("purge-context-documents", PURGE_INTERVAL, () -> {
            while (runtime.database().transaction(documents::purgeExpired) > 0) {
                // until there are none left
            }
        });
        runtime.serve(
                authenticator,
                List.of(
                        new ContextDocumentGrpcService(runtime.replies(), runtime.pageTokens(), documents),
                        new SearchGrpcService(runtime.replies(), runtime.pageTokens(), index)));
    }
}
