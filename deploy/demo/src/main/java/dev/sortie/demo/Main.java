package dev.sortie.demo;

import dev.sortie.knowledge.v1.QueryRequest;
import dev.sortie.knowledge.v1.QueryResponse;
import dev.sortie.knowledge.v1.SearchServiceGrpc;
import dev.sortie.mission.v1.AuthServiceGrpc;
import dev.sortie.mission.v1.WhoAmIRequest;
import io.grpc.StatusRuntimeException;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code sortie demo}: surveys a code base with a mission that a worker process of its own carries out. */
public final class Main {

    private final DemoOptions options;
    private final PrintStream out;

    private Main(DemoOptions options, PrintStream out) {
        this.options = options;
        this.out = out;
    }

    public static void main(String[] arguments) {
        if (List.of(arguments).contains("--help")) {
            System.out.print(DemoOptions.HELP);
            return;
        }
        try {
            new Main(DemoOptions.parse(List.of(arguments), System.getenv()), System.out).run();
        } catch (DemoException failure) {
            System.err.println("sortie demo: " + failure.getMessage());
            System.exit(1);
        } catch (StatusRuntimeException failure) {
            System.err.println("sortie demo: " + explain(failure));
            System.exit(1);
        } catch (IOException failure) {
            System.err.println("sortie demo: " + failure);
            System.exit(1);
        }
    }

    private void run() throws IOException {
        var repository = GitRepository.open(options.directory());
        out.printf("Surveying %s (%s, commit %.10s)%n", repository.folder(), repository.branch(), repository.head());
        try (var mission = new Connection(options.mission(), options.token());
                var agent = new Connection(options.agent(), options.token());
                var knowledge = new Connection(options.knowledge(), options.token())) {
            greet(mission);
            var survey = new Survey(mission, repository);
            survey.putTools();
            out.printf("mission %s%n", survey.create());
            var worker = startWorker();
            try {
                survey.approveAndRun();
                new Progress(survey, agent, out).follow(worker);
            } finally {
                stop(worker);
            }
            survey.complete();
            show(survey, knowledge, repository.name());
        }
    }

    /** One call without patience, so that whoever forgot to start the servers learns it at once. */
    private void greet(Connection mission) {
        var principal = AuthServiceGrpc.newBlockingStub(mission.channel())
                .withDeadlineAfter(5, TimeUnit.SECONDS)
                .whoAmI(WhoAmIRequest.getDefaultInstance())
                .getPrincipal();
        out.printf("as user %s%n", principal.getUsername());
    }

    private void show(Survey survey, Connection knowledge, String name) throws IOException {
        var report = survey.report();
        out.printf("  completed%n%n%s%n", report);
        var output = options.output();
        if (output != null) {
            Files.writeString(output, report);
            out.printf("written to %s%n", output);
        }
        var document = survey.document();
        var query = "survey churn " + name;
        var request = QueryRequest.newBuilder()
                .setText(query)
                .addTags("survey")
                .setMinRevision(Values.text(document, "revision"))
                .build();
        var found = Connection.patiently(() -> SearchServiceGrpc.newBlockingStub(knowledge.channel())
                .withDeadlineAfter(15, TimeUnit.SECONDS)
                .query(request));
        var id = Values.text(document, "context_document_id");
        out.printf("The report is context document %s.%n", id);
        out.printf("A search for \"%s\" finds %s%n", query, describe(found, id));
    }

    private static String describe(QueryResponse found, String documentId) {
        for (int i = 0; i < found.getHitsCount(); i++) {
            var hit = found.getHits(i);
            if (hit.getContextDocument().getContextDocumentId().equals(documentId)) {
                return "it in place %d of %d: %s"
                        .formatted(
                                i + 1,
                                found.getTotalHits(),
                                hit.getContextDocument().getTitle());
            }
        }
        return "%d documents; other surveys come first.".formatted(found.getTotalHits());
    }

    /** The worker is this program's other main class, in a process of its own; it ends with its standard input. */
    private Process startWorker() throws IOException {
        var command = new ArrayList<String>();
        command.add(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"));
        command.add("--sun-misc-unsafe-memory-access=allow");
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), WorkerMain.class.getName()));
        var builder = new ProcessBuilder(command);
        builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        var environment = builder.environment();
        environment.put("SORTIE_AGENT_ADDRESS", options.agent());
        environment.put("SORTIE_KNOWLEDGE_ADDRESS", options.knowledge());
        environment.put("SORTIE_TOKEN", options.token());
        var worker = builder.start();
        out.printf("worker process %d%n", worker.pid());
        return worker;
    }

    private static void stop(Process worker) throws IOException {
        worker.getOutputStream().close();
        try {
            if (!worker.waitFor(5, TimeUnit.SECONDS)) {
                worker.destroyForcibly();
            }
        } catch (InterruptedException e) {
            worker.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    private static String explain(StatusRuntimeException failure) {
        var status = failure.getStatus();
        return switch (status.getCode()) {
            case UNAVAILABLE ->
                "The servers do not answer (" + status.getDescription()
                        + "). Start them with `sortie up` in another terminal.";
            case UNAUTHENTICATED ->
                "The servers do not accept the token (" + status.getDescription()
                        + "). Name the right one with --token-file.";
            default -> status.getCode() + ": " + status.getDescription();
        };
    }
}
