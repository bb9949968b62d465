package dev.sortie.agent;

import dev.sortie.agent.api.AgentGrpcService;
import dev.sortie.agent.api.ExecutionGrpcService;
import dev.sortie.agent.api.ExternalScalerGrpcService;
import dev.sortie.agent.api.MissionSubjects;
import dev.sortie.agent.api.QueueGrpcService;
import dev.sortie.agent.api.WorkGrpcService;
import dev.sortie.agent.api.WorkOrderGrpcService;
import dev.sortie.agent.api.WorkerGrpcService;
import dev.sortie.agent.archive.ArchiveSettings;
import dev.sortie.agent.archive.Archiver;
import dev.sortie.agent.archive.ExecutionArchive;
import dev.sortie.agent.archive.WatchedStorage;
import dev.sortie.agent.domain.AgentFigures;
import dev.sortie.agent.domain.AgentJobs;
import dev.sortie.agent.domain.AgentPresence;
import dev.sortie.agent.domain.Agents;
import dev.sortie.agent.domain.Claiming;
import dev.sortie.agent.domain.Executions;
import dev.sortie.agent.domain.Explanations;
import dev.sortie.agent.domain.IdleWorkers;
import dev.sortie.agent.domain.LogCalls;
import dev.sortie.agent.domain.LogSignals;
import dev.sortie.agent.domain.LogTails;
import dev.sortie.agent.domain.Logs;
import dev.sortie.agent.domain.Placements;
import dev.sortie.agent.domain.Presence;
import dev.sortie.agent.domain.QueueStatistics;
import dev.sortie.agent.domain.Queues;
import dev.sortie.agent.domain.Scaling;
import dev.sortie.agent.domain.SessionFence;
import dev.sortie.agent.domain.Subjects;
import dev.sortie.agent.domain.Tallies;
import dev.sortie.agent.domain.Work;
import dev.sortie.agent.domain.WorkCalls;
import dev.sortie.agent.domain.WorkOrders;
import dev.sortie.agent.domain.WorkSessions;
import dev.sortie.agent.domain.WorkSignals;
import dev.sortie.agent.domain.Workers;
import dev.sortie.agent.store.ActivityStore;
import dev.sortie.agent.store.AgentFigureStore;
import dev.sortie.agent.store.AgentStore;
import dev.sortie.agent.store.ArchiveStore;
import dev.sortie.agent.store.BacklogStore;
import dev.sortie.agent.store.CheckpointStore;
import dev.sortie.agent.store.ClaimStore;
import dev.sortie.agent.store.ExecutionStore;
import dev.sortie.agent.store.ExplanationStore;
import dev.sortie.agent.store.LaneStore;
import dev.sortie.agent.store.LateReportStore;
import dev.sortie.agent.store.LogAppendStore;
import dev.sortie.agent.store.LogStore;
import dev.sortie.agent.store.LogTailStore;
import dev.sortie.agent.store.QueueStore;
import dev.sortie.agent.store.SessionStore;
import dev.sortie.agent.store.WorkOrderStore;
import dev.sortie.agent.store.WorkerStore;
import dev.sortie.runtime.failure.FailureStatuses;
import dev.sortie.runtime.grpc.PeerChannel;
import dev.sortie.runtime.grpc.ServerSettings;
import dev.sortie.runtime.identity.Authenticator;
import dev.sortie.runtime.identity.RemoteIdentity;
import dev.sortie.runtime.process.ServiceIdentity;
import dev.sortie.runtime.process.ServiceRuntime;
import dev.sortie.runtime.sql.DatabaseSettings;
import dev.sortie.runtime.sql.Migrations;
import io.grpc.BindableService;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** agent-service, put together: what {@code main}, the launcher and the tests start. */
public final class AgentServer implements AutoCloseable {
    /** Which service this is. */
    public static final ServiceIdentity IDENTITY =
            new ServiceIdentity("agent-service", "agent.sortie.dev", new Migrations("db/migration/agent"));

    private static final Duration LOOK_FOR_WORK = Duration.ofMillis(900);
    private static final Duration END_LEASES = Duration.ofSeconds(1);
    private static final Duration WRITE_PRESENCE = Duration.ofSeconds(1);
    private static final Duration LOOK_FOR_SILENT_WORKERS = Duration.ofSeconds(5);
    private static final Duration LOOK_FOR_LINES = Duration.ofMillis(75);
    private static final Duration FORGET_LANES = Duration.ofMinutes(1);
    private static final Duration WRITE_ACTIVITY = Duration.ofSeconds(5);
    private static final Duration FORGET_ACTIVITY = Duration.ofMinutes(5);
    private static final Duration MEASURE_QUEUES = Duration.ofSeconds(30);
    private static final Duration ADD_FIGURES = Duration.ofSeconds(2);
    private static final Duration RECOUNT = Duration.ofHours(1);
    private static final Duration LOOK_AT_SESSIONS = Duration.ofSeconds(1);
    private static final Duration KEEP_PARTITIONS = Duration.ofHours(1);
    private static final Duration ARCHIVE = Duration.ofHours(1);
    private static final Duration CHECK_ARCHIVE = Duration.ofMinutes(1);

    private final ServiceRuntime runtime;
    private final AgentJobs jobs;
    private final AgentFigures figures;
    private final @Nullable Archiver archiver;
    private final @Nullable WatchedStorage archive;
    private final WorkSignals signals;
    private final QueueStatistics statistics;
    private final QueueMeters queueMeters;
    private final WorkSessions sessions;

    private AgentServer(
            ServiceRuntime runtime,
            Authenticator authenticator,
            Subjects subjects,
            int maxSessions,
            ArchiveSettings archiveSettings) {
        this.runtime = runtime;
        runtime.awaitDatabase();
        var database = runtime.database();
        var ids = runtime.ids();
        var timers = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("work-timers").factory());
        timers.setExecuteExistingDelayedTasksAfterShutdownPolicy(false); // nobody waits any more by then
        runtime.own(timers);
        this.signals = new WorkSignals(runtime.clock(), timers);
        var logSignals = new LogSignals();
        runtime.drain().onBegin(signals::wakeAll);

        var workerStore = new WorkerStore();
        var orderStore = new WorkOrderStore();
        var claimStore = new ClaimStore();
        var laneStore = new LaneStore();
        var logStore = new LogStore();
        var agentStore = new AgentStore();
        var presence = new Presence(workerStore);
        var agentPresence = new AgentPresence(agentStore);
        var agents = new Agents(agentStore, agentPresence, signals, ids);
        var figureStore = new AgentFigureStore();
        this.figures = new AgentFigures(database, figureStore, runtime.meters());
        var checkpointStore = new CheckpointStore();
        var lateReportStore = new LateReportStore();
        var tallies = new Tallies();
        var claiming = new Claiming(claimStore, laneStore, checkpointStore, workerStore, signals, tallies, ids);
        var work = new Work(
                claimStore,
                claiming,
                checkpointStore,
                lateReportStore,
                figureStore,
                workerStore,
                presence,
                signals,
                logSignals,
                tallies,
                () -> ThreadLocalRandom.current().nextDouble());
        var workers = new Workers(workerStore, agentStore, work, signals, ids);
        var queues = new Queues(new QueueStore(), laneStore, signals, ids);
        var workOrders = new WorkOrders(orderStore, checkpointStore, queues, work, signals);
        var placements = new Placements(orderStore, laneStore, queues, work, subjects, signals, tallies, ids);
        var executionStore = new ExecutionStore();
        var archiveStore = new ArchiveStore();
        this.archive = open(runtime, archiveSettings);
        this.archiver =
                archive == null ? null : new Archiver(database, archiveStore, archive, ids, archiveSettings.after());
        var executions = new Executions(
                executionStore,
                lateReportStore,
                new ExecutionArchive(archiveStore, executionStore, lateReportStore, archive),
                workOrders);
        var logTailStore = new LogTailStore();
        var logs = new Logs(new LogAppendStore(), logStore, logTailStore, logSignals);
        var tails = new LogTails(logTailStore, logSignals);
        var activityStore = new ActivityStore();
        var backlogStore = new BacklogStore();
        this.queueMeters = new QueueMeters(runtime.meters(), runtime.clock());
        this.statistics =
                new QueueStatistics(database, tallies, activityStore, backlogStore, signals, queueMeters::counted);
        var scaling = new Scaling(database, backlogStore, runtime.changes());
        var explanations = new Explanations(
                database,
                orderStore,
                new ExplanationStore(),
                claimStore,
                laneStore,
                workerStore,
                activityStore,
                statistics,
                signals);

        var idle = new IdleWorkers(runtime.clock());
        this.jobs = new AgentJobs(
                database,
                runtime.changes(),
                claiming,
                work,
                presence,
                agentPresence,
                tails,
                claimStore,
                logStore,
                signals,
                idle);
        runtime.every("log-partitions", KEEP_PARTITIONS, jobs::keepLogPartitions);
        if (archiver != null && archive != null) {
            var moving = runtime.every("archive", ARCHIVE, archiver::run);
            var checked = archive;
            runtime.every("archive-check", CHECK_ARCHIVE, () -> {
                if (checked.check()) {
                    moving.wake();
                }
            });
        }
        runtime.every("leases", END_LEASES, jobs::endLeases);
        runtime.every("promotion", LOOK_FOR_WORK, jobs::promoteOrders);
        runtime.every("lanes", FORGET_LANES, jobs::forgetLanes);
        runtime.every("expiry", END_LEASES, jobs::expireOrders);
        runtime.every("presence", WRITE_PRESENCE, jobs::writePresence);
        runtime.every("silent-workers", LOOK_FOR_SILENT_WORKERS, jobs::markSilentWorkers);
        runtime.every("silent-agents", LOOK_FOR_SILENT_WORKERS, jobs::markSilentAgents);
        runtime.every("agent-figures", ADD_FIGURES, figures::addUp);
        runtime.every("agent-recount", RECOUNT, figures::recount);
        var look = runtime.every("work", LOOK_FOR_WORK, jobs::lookForWork);
        runtime.every("lines", LOOK_FOR_LINES, jobs::lookForLines);
        runtime.every("feed", LOOK_FOR_WORK, () -> jobs.followFeed(look::wake));
        runtime.own(statistics::write); // what was counted since the last time
        runtime.every("activity", WRITE_ACTIVITY, statistics::write);
        runtime.every("old-activity", FORGET_ACTIVITY, statistics::forget);
        runtime.every("queue-meters", MEASURE_QUEUES, this::measureQueues);

        var replies = runtime.replies();
        var pages = runtime.pageTokens();
        var statuses = new FailureStatuses(IDENTITY.errorDomain());
        var logCalls = new LogCalls(database, runtime.meters(), logs);
        var sessionStore = new SessionStore();
        var workCalls = new WorkCalls(database, runtime.meters(), new SessionFence(sessionStore, claiming, work));
        this.sessions = new WorkSessions(
                database,
                workCalls,
                work,
                logCalls,
                presence,
                signals,
                sessionStore,
                workerStore,
                claimStore,
                runtime.meters(),
                maxSessions);
        runtime.drain().onBegin(sessions::closeAll);
        runtime.every("sessions", LOOK_AT_SESSIONS, sessions::look);
        runtime.every("session-feed", LOOK_FOR_WORK, () -> sessions.follow(runtime.changes()));
        runtime.serve(
                authenticator,
                List.<BindableService>of(
                        new AgentGrpcService(replies, pages, agents, database, runtime.meters()),
                        new WorkerGrpcService(replies, pages, workers),
                        new QueueGrpcService(replies, pages, queues, statistics),
                        new ExternalScalerGrpcService(replies, scaling),
                        new WorkOrderGrpcService(
                                replies, pages, workOrders, placements, explanations, database, runtime.meters()),
                        new WorkGrpcService(
                                replies,
                                workCalls,
                                signals,
                                presence,
                                runtime.clock(),
                                runtime.drain(),
                                statuses,
                                idle,
                                sessions,
                                runtime.meters()),
                        new ExecutionGrpcService(replies, pages, database, executions, logs, logCalls, tails)));
    }

    private static @Nullable WatchedStorage open(ServiceRuntime runtime, ArchiveSettings settings) {
        var location = settings.location();
        return location == null
                ? null
                : runtime.own(new WatchedStorage(location.open(), location, runtime.ids(), runtime.meters()));
    }

    /** Starts; returns once it listens. It is ready when its database is. */
    public static AgentServer start(AgentConfig config) {
        return start(config, InstantSource.system());
    }

    /**
     * The same by another clock.
     *
     * @param clock the only clock of the service
     */
    public static AgentServer start(AgentConfig config, InstantSource clock) {
        var runtime = open(config.server(), config.database(), clock);
        try {
            var token = config.serviceToken();
            var mission = runtime.own(PeerChannel.open(config.missionAddress(), () -> token == null ? "" : token));
            return new AgentServer(
                    runtime,
                    RemoteIdentity.authenticator(mission.channel(), clock),
                    new MissionSubjects(mission.channel()),
                    config.maxSessions(),
                    config.archive());
        } catch (RuntimeException failed) {
            runtime.close();
            throw failed;
        }
    }

    /**
     * The same without mission-service.
     *
     * @param authenticator tells who calls
     * @param subjects tells what there is that orders can be for
     * @param maxSessions work sessions at once
     * @param archive where old executions are kept
     */
    static AgentServer start(
            ServerSettings server,
            DatabaseSettings database,
            InstantSource clock,
            Authenticator authenticator,
            Subjects subjects,
            int maxSessions,
            ArchiveSettings archive) {
        var runtime = open(server, database, clock);
        try {
            return new AgentServer(runtime, authenticator, subjects, maxSessions, archive);
        } catch (RuntimeException failed) {
            runtime.close();
            throw failed;
        }
    }

    private static ServiceRuntime open(ServerSettings server, DatabaseSettings database, InstantSource clock) {
        return ServiceRuntime.open(IDENTITY, server, database, clock);
    }

    /** Where to reach it: {@code host:port}. */
    public String address() {
        return runtime.address();
    }

    /** What it runs on: for readiness, metrics and probes. */
    public ServiceRuntime runtime() {
        return runtime;
    }

    /** What moves old executions to files; null without an archive. */
    @Nullable
    Archiver archiver() {
        return archiver;
    }

    /** Where that puts them; null without an archive. */
    @Nullable
    WatchedStorage archive() {
        return archive;
    }

    /** What it does by itself. */
    AgentJobs jobs() {
        return jobs;
    }

    /** What goes on in queues. */
    QueueStatistics statistics() {
        return statistics;
    }

    /** Has the metrics of queues be what they are now. */
    void measureQueues() {
        queueMeters.measure(statistics);
    }

    /** The figures of agents. */
    AgentFigures figures() {
        return figures;
    }

    /** How many calls wait for work of a queue. */
    int waiting(String queueName) {
        return signals.waiting(queueName);
    }

    /** Its work sessions. */
    WorkSessions sessions() {
        return sessions;
    }

    /** Drains, then stops. */
    @Override
    public void close() {
        runtime.close();
    }
}
