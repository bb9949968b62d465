package dev.sortie.mission;

import dev.sortie.mission.api.AssetDownloads;
import dev.sortie.mission.api.AssetGrpcService;
import dev.sortie.mission.api.AssetUploads;
import dev.sortie.mission.api.AuthGrpcService;
import dev.sortie.mission.api.ClientAddresses;
import dev.sortie.mission.api.DodItemGrpcService;
import dev.sortie.mission.api.Findings;
import dev.sortie.mission.api.HopGrpcService;
import dev.sortie.mission.api.MissionGrpcService;
import dev.sortie.mission.api.PlanGrpcService;
import dev.sortie.mission.api.ProjectGrpcService;
import dev.sortie.mission.api.ResourceCredentialGrpcService;
import dev.sortie.mission.api.TaskGrpcService;
import dev.sortie.mission.api.TestRunGrpcService;
import dev.sortie.mission.api.ToolGrpcService;
import dev.sortie.mission.api.ToolStepGrpcService;
import dev.sortie.mission.api.UserGrpcService;
import dev.sortie.mission.domain.AccessTokens;
import dev.sortie.mission.domain.AssetContentSweep;
import dev.sortie.mission.domain.AssetContents;
import dev.sortie.mission.domain.Assets;
import dev.sortie.mission.domain.Bootstrap;
import dev.sortie.mission.domain.CredentialKeyReports;
import dev.sortie.mission.domain.CredentialKeys;
import dev.sortie.mission.domain.Deadlines;
import dev.sortie.mission.domain.DodItems;
import dev.sortie.mission.domain.Hops;
import dev.sortie.mission.domain.Identities;
import dev.sortie.mission.domain.Imports;
import dev.sortie.mission.domain.LoginLimits;
import dev.sortie.mission.domain.Logins;
import dev.sortie.mission.domain.MissionFlow;
import dev.sortie.mission.domain.MissionPurge;
import dev.sortie.mission.domain.MissionTrees;
import dev.sortie.mission.domain.Missions;
import dev.sortie.mission.domain.Moves;
import dev.sortie.mission.domain.Outcomes;
import dev.sortie.mission.domain.PasswordChanges;
import dev.sortie.mission.domain.Passwords;
import dev.sortie.mission.domain.PlanPurge;
import dev.sortie.mission.domain.PlanScheduler;
import dev.sortie.mission.domain.Plans;
import dev.sortie.mission.domain.ProjectPurge;
import dev.sortie.mission.domain.Projects;
import dev.sortie.mission.domain.RefreshTokens;
import dev.sortie.mission.domain.ResourceCredentials;
import dev.sortie.mission.domain.StepFlow;
import dev.sortie.mission.domain.StepOutcomes;
import dev.sortie.mission.domain.StepRuns;
import dev.sortie.mission.domain.TaskAssignees;
import dev.sortie.mission.domain.TaskFlow;
import dev.sortie.mission.domain.TaskOutcomes;
import dev.sortie.mission.domain.Tasks;
import dev.sortie.mission.domain.TestReports;
import dev.sortie.mission.domain.TestRuns;
import dev.sortie.mission.domain.ToolSteps;
import dev.sortie.mission.domain.Tools;
import dev.sortie.mission.domain.UserRemoval;
import dev.sortie.mission.domain.UserTokens;
import dev.sortie.mission.domain.Users;
import dev.sortie.mission.domain.WorkerDispatch;
import dev.sortie.mission.store.ApiTokenStore;
import dev.sortie.mission.store.AssetContentStore;
import dev.sortie.mission.store.AssetStore;
import dev.sortie.mission.store.CredentialKeyStore;
import dev.sortie.mission.store.DeadlineStore;
import dev.sortie.mission.store.DispatchStore;
import dev.sortie.mission.store.DodItemStore;
import dev.sortie.mission.store.FeedCursorStore;
import dev.sortie.mission.store.HopStore;
import dev.sortie.mission.store.ImportStore;
import dev.sortie.mission.store.LoginLimitStore;
import dev.sortie.mission.store.MissionStore;
import dev.sortie.mission.store.MoveStore;
import dev.sortie.mission.store.OutboxStore;
import dev.sortie.mission.store.PlanStore;
import dev.sortie.mission.store.ProjectStore;
import dev.sortie.mission.store.RefreshTokenStore;
import dev.sortie.mission.store.ResourceCredentialStore;
import dev.sortie.mission.store.TaskAssigneeStore;
import dev.sortie.mission.store.TaskDependencyStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.mission.store.TestRunStore;
import dev.sortie.mission.store.ToolStepStore;
import dev.sortie.mission.store.ToolStore;
import dev.sortie.mission.store.UserStore;
import dev.sortie.mission.work.AgentClient;
import dev.sortie.mission.work.OrderDispatcher;
import dev.sortie.mission.work.OrderFollower;
import dev.sortie.mission.work.OrderReconciler;
import dev.sortie.runtime.change.ChangeFollower;
import dev.sortie.runtime.grpc.PeerChannel;
import dev.sortie.runtime.process.ServiceIdentity;
import dev.sortie.runtime.process.ServiceRuntime;
import dev.sortie.runtime.sql.Migrations;
import io.grpc.BindableService;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** mission-service, put together: what {@code main}, the launcher and the tests start. */
public final class MissionServer implements AutoCloseable {
    /** Which service this is. */
    public static final ServiceIdentity IDENTITY =
            new ServiceIdentity("mission-service", "mission.sortie.dev", new Migrations("db/migration/mission"));

    private static final Logger LOG = LoggerFactory.getLogger(MissionServer.class);
    private static final Duration KEYS_READ = Duration.ofSeconds(3);
    private static final Duration USES_WRITTEN = Duration.ofSeconds(15);
    private static final Duration OUTBOX_POLL = Duration.ofSeconds(1);
    private static final Duration OUTBOX_MEASURED = Duration.ofSeconds(15);
    private static final Duration RECONCILIATION = Duration.ofMinutes(1);
    private static final Duration ASSIGNEES_RECONCILED = Duration.ofMinutes(10);
    /** How long something must have awaited its order before that is asked about. */
    private static final Duration ORDER_PATIENCE = Duration.ofSeconds(10);

    private static final Duration MISSIONS_PURGED = Duration.ofMinutes(10);

    private static final Duration CONTENTS_SWEPT = Duration.ofSeconds(10);

    private static final Duration LOGIN_LIMITS_PURGED = Duration.ofMinutes(1);

    /** How long a plan may wait for what nobody has told of: usually it is scheduled with what makes room for it. */
    private static final Duration PLANS_SCHEDULED = Duration.ofSeconds(5);

    private static final Duration DEADLINES_LOOKED_AT = Duration.ofMinutes(1);

    private static final Duration REFRESH_TOKENS_PURGED = Duration.ofHours(1);

    private final ServiceRuntime runtime;
    private final MissionPurge missionPurge;
    private final PlanPurge planPurge;
    private final PlanScheduler scheduler;
    private final Deadlines deadlines;
    private final RefreshTokens refreshTokens;
    private final AssetContentSweep contentSweep;
    private final ProjectPurge projectPurge;
    private final CredentialKeyReports keyReports;

    private MissionServer(ServiceRuntime runtime, MissionConfig config) {
        this.runtime = runtime;
        runtime.awaitDatabase();
        var database = runtime.database();
        var ids = runtime.ids();
        var random = new SecureRandom();

        // People: who calls, and with what.
        var userStore = new UserStore();
        var tokenStore = new ApiTokenStore();
        refreshTokens = new RefreshTokens(database, new RefreshTokenStore(), userStore, ids, random);
        var users = new Users(userStore, refreshTokens, ids);
        var tokens = new UserTokens(tokenStore, users, ids, random);
        var passwords = runtime.own(new Passwords(config.loginsAtOnce(), config.loginsWaiting(), random));
        var limits = new LoginLimits(database, new LoginLimitStore());
        var logins = new Logins(
                database, userStore, passwords, new AccessTokens(config.signingKeys(), ids), refreshTokens, limits);
        var identities = new Identities(database, tokenStore, config.signingKeys(), runtime.clock());
        runtime.own(identities::writeUses);
        var revoked = database.transaction(
                tx -> new Bootstrap(users, tokens).ensure(tx, config.serviceAccounts(), config.adminToken()));
        revoked.forEach(name -> LOG.warn("the API token that the configuration gives for {} has been revoked", name));

        // Credentials: what people present to resources, and what it is encrypted with.
        var stepStore = new ToolStepStore();
        var keyStore = new CredentialKeyStore();
        var keys = new CredentialKeys(config.credentialKeys());
        var credentials = new ResourceCredentials(
                new ResourceCredentialStore(), keyStore, userStore, stepStore, keys, ids, random);
        keyReports = runtime.own(new CredentialKeyReports(database, keyStore, keys, ids.next()));

        // Tools: what steps can ask workers to do.
        var tools = new Tools(new ToolStore(), stepStore::countOpenOfTool);

        // agent-service: orders go there through the outbox, their outcomes come back by its change log.
        var agent = runtime.own(PeerChannel.open(config.agentAddress(), config::serviceToken));
        var orders = new AgentClient(agent.channel());

        // Missions, hops, steps, assets and definitions of done: what is to be done.
        var missionStore = new MissionStore();
        var hopStore = new HopStore();
        var assetStore = new AssetStore();
        var outboxStore = new OutboxStore();
        var outboxFilled = new AtomicReference<Runnable>(() -> {});
        var moves = new Moves(new MoveStore());
        var flow = new MissionFlow(missionStore, hopStore, moves);
        var stepFlow = new StepFlow(
                stepStore,
                assetStore,
                outboxStore,
                tools,
                credentials,
                flow,
                moves,
                ids,
                () -> outboxFilled.get().run());
        var steps = new ToolSteps(stepStore, flow, stepFlow, ids);
        var runs = new StepRuns(stepFlow, flow);
        var dodItemStore = new DodItemStore();
        var testRunStore = new TestRunStore();
        var testRuns = new TestRuns(testRunStore, missionStore, ids);
        var dodItems = new DodItems(dodItemStore, missionStore, assetStore, testRunStore, orders, ids);
        var missions =
                new Missions(missionStore, hopStore, assetStore, dodItems, testRuns, flow, moves, steps, runs, ids);
        var hops = new Hops(missionStore, hopStore, assetStore, flow, steps, runs, ids);
        var assets = new Assets(assetStore, missionStore, hopStore, ids);
        var contentStore = new AssetContentStore();
        var contents = new AssetContents(contentStore, assetStore, assets, ids);
        var findings = new Findings(database, steps);

        // Projects, plans and tasks: what is to be done by workers and people.
        var taskStore = new TaskStore();
        var planStore = new PlanStore();
        var dispatchStore = new DispatchStore();
        var taskFlows = new AtomicReference<TaskFlow>();
        var plansChanged = new AtomicReference<Runnable>(() -> {});
        scheduler = new PlanScheduler(
                database,
                planStore,
                () -> Objects.requireNonNull(taskFlows.get()),
                () -> plansChanged.get().run());
        var dispatch = new WorkerDispatch(
                outboxStore,
                dispatchStore,
                planStore,
                scheduler,
                ids,
                () -> outboxFilled.get().run());
        var dependencyStore = new TaskDependencyStore();
        var taskFlow = new TaskFlow(taskStore, dependencyStore, dispatch, moves);
        taskFlows.set(taskFlow);
        var plans = new Plans(planStore, taskFlow, dispatch, moves, ids);
        var assignees =
                new TaskAssignees(database, new TaskAssigneeStore(), taskStore, taskFlow, orders, runtime.meters());
        var tasks = new Tasks(taskStore, dependencyStore, taskFlow, assignees, moves, ids);
        var imports = new Imports(
                database,
                new ImportStore(),
                userStore,
                missionStore,
                hopStore,
                stepStore,
                assetStore,
                dodItemStore,
                testRunStore,
                flow,
                taskStore,
                taskFlow,
                tasks,
                ids);
        var projects = new Projects(new ProjectStore(), plans, taskFlow, moves, ids);

        // What becomes of orders.
        var outcomes = new Outcomes(
                new StepOutcomes(stepStore, assetStore, tools, flow, stepFlow),
                new TaskOutcomes(taskStore, dispatchStore, taskFlow));
        var dispatcher = new OrderDispatcher(database, outboxStore, outcomes, orders, runtime.meters());
        var reconciler = new OrderReconciler(database, outboxStore, outcomes, orders, ORDER_PATIENCE, runtime.meters());
        var follower = new OrderFollower(database, new FeedCursorStore(), outcomes, orders, assignees, () -> {
            reconciler.run();
            assignees.reconcile();
        });

        // What goes on by itself.
        missionPurge = new MissionPurge(database, missions);
        contentSweep =
                new AssetContentSweep(database, contentStore, config.transfers().orphanAge(), runtime.meters());
        var contentSweepJob = runtime.every("asset-content-sweep", CONTENTS_SWEPT, contentSweep::runOnce);
        runtime.every("mission-purge", MISSIONS_PURGED, missionPurge::runOnce);
        projectPurge = new ProjectPurge(database, projects);
        runtime.every("project-purge", MISSIONS_PURGED, projectPurge::runOnce);
        runtime.every("login-limit-purge", LOGIN_LIMITS_PURGED, limits::purge);
        planPurge = new PlanPurge(database, plans);
        runtime.every("plan-purge", MISSIONS_PURGED, planPurge::runOnce);
        plansChanged.set(runtime.every("plans", PLANS_SCHEDULED, scheduler::run)::wake);
        deadlines = new Deadlines(
                database,
                new DeadlineStore(),
                missionStore,
                planStore,
                taskStore,
                config.deadlineWarning(),
                runtime.meters());
        runtime.every("deadlines", DEADLINES_LOOKED_AT, deadlines::run);
        runtime.every("refresh-token-purge", REFRESH_TOKENS_PURGED, refreshTokens::purge);
        runtime.every("credential-keys", KEYS_READ, keyReports::run);
        runtime.every("token-uses", USES_WRITTEN, identities::writeUses);
        outboxFilled.set(runtime.every("outbox", OUTBOX_POLL, dispatcher::run)::wake);
        runtime.every("outbox-measure", OUTBOX_MEASURED, dispatcher::measure);
        runtime.every("order-reconciliation", RECONCILIATION, reconciler::run);
        runtime.every("assignee-reconciliation", ASSIGNEES_RECONCILED, assignees::reconcile);
        runtime.own(ChangeFollower.start("agent-service", agent.channel(), OrderFollower.CHANGES, follower));

        var addresses = new ClientAddresses(config.trustedProxies());
        var replies = runtime.replies();
        var pages = runtime.pageTokens();
        runtime.serve(
                identities.authenticator(),
                List.<BindableService>of(
                        new UserGrpcService(
                                database,
                                replies,
                                pages,
                                users,
                                new UserRemoval(
                                        userStore, tokenStore, credentials, missions, dodItems, projects, plans, tasks),
                                passwords,
                                new PasswordChanges(userStore, passwords, refreshTokens, limits),
                                addresses),
                        new AuthGrpcService(replies, pages, logins, tokens, config.signingKeys(), addresses),
                        new ResourceCredentialGrpcService(replies, pages, credentials),
                        new ToolGrpcService(replies, pages, tools),
                        new MissionGrpcService(
                                database,
                                replies,
                                pages,
                                missions,
                                new MissionTrees(missionStore, hopStore, stepStore, assetStore),
                                findings,
                                imports),
                        new HopGrpcService(replies, pages, hops, findings),
                        new ToolStepGrpcService(replies, pages, steps, findings),
                        new PlanGrpcService(replies, pages, plans),
                        new AssetGrpcService(
                                replies,
                                pages,
                                assets,
                                new AssetUploads(
                                        database,
                                        replies,
                                        contents,
                                        config.transfers(),
                                        contentId -> {
                                            contentSweep.abandon(contentId);
                                            contentSweepJob.wake();
                                        },
                                        runtime.meters()),
                                new AssetDownloads(database, contents, config.transfers(), runtime.meters())),
                        new DodItemGrpcService(replies, pages, dodItems),
                        new TestRunGrpcService(database, replies, pages, testRuns, new TestReports(testRuns)),
                        new ProjectGrpcService(replies, pages, projects),
                        new TaskGrpcService(replies, pages, tasks)));
    }

    /** Starts; returns once it listens. It is ready when its database is. */
    public static MissionServer start(MissionConfig config) {
        return start(config, Clock.systemUTC());
    }

    /**
     * The same by another clock.
     *
     * @param clock the only clock of the service
     */
    public static MissionServer start(MissionConfig config, InstantSource clock) {
        var runtime = ServiceRuntime.open(IDENTITY, config.server(), config.database(), clock);
        try {
            return new MissionServer(runtime, config);
        } catch (RuntimeException failed) {
            runtime.close();
            throw failed;
        }
    }

    /** Where to reach it: {@code host:port}. */
    public String address() {
        return runtime.address();
    }

    /** What it runs on: for readiness, metrics and probes. */
    public ServiceRuntime runtime() {
        return runtime;
    }

    /** What a test need not wait for. */
    MissionPurge missionPurge() {
        return missionPurge;
    }

    /** The same. */
    AssetContentSweep contentSweep() {
        return contentSweep;
    }

    /** The same. */
    ProjectPurge projectPurge() {
        return projectPurge;
    }

    /** The same. */
    PlanPurge planPurge() {
        return planPurge;
    }

    /** The same. */
    PlanScheduler scheduler() {
        return scheduler;
    }

    /** The same. */
    Deadlines deadlines() {
        return deadlines;
    }

    /** The same. */
    RefreshTokens refreshTokens() {
        return refreshTokens;
    }

    /** The same. */
    CredentialKeyReports keyReports() {
        return keyReports;
    }

    /** Drains, then stops. */
    @Override
    public void close() {
        runtime.close();
    }
}
