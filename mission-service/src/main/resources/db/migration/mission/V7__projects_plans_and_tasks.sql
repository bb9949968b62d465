-- Projects, their plans, tasks, and what tasks wait for.
-- Cost: milliseconds, whatever the size of the database: new tables only.
-- Locks: of users, for the moment in which the foreign keys to it are made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- What plans belong to.
CREATE TABLE projects (
    project_id  uuid        NOT NULL,
    name        text        NOT NULL,
    description text        NOT NULL DEFAULT '',
    status      text        NOT NULL DEFAULT 'ACTIVE',
    metadata    jsonb       NOT NULL DEFAULT '{}',
    -- The owner. Null when the user has been deleted since.
    created_by  uuid,
    -- A hidden project, and when it will be gone for good.
    deleted_at  timestamptz,
    purge_at    timestamptz,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     bigint      NOT NULL DEFAULT 1,
    CONSTRAINT projects_pkey PRIMARY KEY (project_id),
    CONSTRAINT projects_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (user_id) ON DELETE SET NULL,
    CONSTRAINT projects_name_check CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT projects_description_check CHECK (length(description) <= 65536),
    CONSTRAINT projects_status_check CHECK (status IN ('ACTIVE', 'COMPLETED', 'ARCHIVED')),
    CONSTRAINT projects_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT projects_purge_at_check CHECK ((purge_at IS NOT NULL) = (deleted_at IS NOT NULL)),
    CONSTRAINT projects_version_check CHECK (version > 0)
);
-- The lists, newest first: everybody's, a user's, and both by status. The second also serves the foreign key.
CREATE INDEX projects_created_idx ON projects (created_at DESC, project_id DESC);
CREATE INDEX projects_created_by_idx ON projects (created_by, created_at DESC, project_id DESC);
CREATE INDEX projects_status_created_idx ON projects (status, created_at DESC, project_id DESC);
CREATE INDEX projects_created_by_status_idx ON projects (created_by, status, created_at DESC, project_id DESC);
-- Serves the search by what the metadata contain.
CREATE INDEX projects_metadata_idx ON projects USING gin (metadata jsonb_path_ops);
-- Serves the purge of hidden projects.
CREATE INDEX projects_purge_idx ON projects (purge_at) WHERE purge_at IS NOT NULL;

-- How something in a project is reached, and how many of its tasks are dispatched at a time.
CREATE TABLE plans (
    plan_id             uuid          NOT NULL,
    project_id          uuid          NOT NULL,
    title               text          NOT NULL,
    description         text          NOT NULL DEFAULT '',
    status              text          NOT NULL DEFAULT 'DRAFT',
    status_reason       text          NOT NULL DEFAULT '',
    priority            text          NOT NULL DEFAULT 'NORMAL',
    -- The priority as a number that sorts: the most important first.
    urgency             smallint      NOT NULL GENERATED ALWAYS AS
        (CASE priority WHEN 'CRITICAL' THEN 0 WHEN 'HIGH' THEN 1 WHEN 'NORMAL' THEN 2 ELSE 3 END) STORED,
    -- Null when the user has been deleted since.
    created_by          uuid,
    assigned_to         uuid,
    estimated_hours     numeric(6, 2),
    actual_hours        numeric(6, 2),
    mobile_sync_enabled boolean       NOT NULL DEFAULT false,
    agent_count         integer       NOT NULL DEFAULT 1,
    scaling_strategy    text          NOT NULL DEFAULT 'FIXED',
    -- How many tasks an ADAPTIVE plan keeps dispatched at present: moved by what becomes of them.
    adaptive_limit      integer       NOT NULL DEFAULT 1,
    deadline            timestamptz,
    -- When it was last said that the deadline is near or, at or after it, that it has passed. Null for neither, of this
    -- deadline.
    deadline_warned_at  timestamptz,
    metadata            jsonb         NOT NULL DEFAULT '{}',
    -- A hidden plan, and when it will be gone for good.
    deleted_at          timestamptz,
    purge_at            timestamptz,
    created_at          timestamptz   NOT NULL,
    updated_at          timestamptz   NOT NULL,
    version             bigint        NOT NULL DEFAULT 1,
    CONSTRAINT plans_pkey PRIMARY KEY (plan_id),
    CONSTRAINT plans_project_fkey FOREIGN KEY (project_id) REFERENCES projects (project_id) ON DELETE CASCADE,
    CONSTRAINT plans_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (user_id) ON DELETE SET NULL,
    CONSTRAINT plans_assigned_to_fkey FOREIGN KEY (assigned_to) REFERENCES users (user_id) ON DELETE SET NULL,
    CONSTRAINT plans_title_check CHECK (length(title) BETWEEN 1 AND 255),
    CONSTRAINT plans_description_check CHECK (length(description) <= 65536),
    CONSTRAINT plans_status_check CHECK (status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')),
    CONSTRAINT plans_status_reason_check CHECK (length(status_reason) <= 4096),
    CONSTRAINT plans_priority_check CHECK (priority IN ('LOW', 'NORMAL', 'HIGH', 'CRITICAL')),
    CONSTRAINT plans_estimated_hours_check CHECK (estimated_hours >= 0),
    CONSTRAINT plans_actual_hours_check CHECK (actual_hours >= 0),
    CONSTRAINT plans_agent_count_check CHECK (agent_count > 0),
    CONSTRAINT plans_scaling_strategy_check CHECK (scaling_strategy IN ('FIXED', 'ADAPTIVE', 'ELASTIC')),
    CONSTRAINT plans_adaptive_limit_check CHECK (adaptive_limit BETWEEN 1 AND agent_count),
    CONSTRAINT plans_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT plans_purge_at_check CHECK ((purge_at IS NOT NULL) = (deleted_at IS NOT NULL)),
    CONSTRAINT plans_version_check CHECK (version > 0)
);
-- The lists, newest first: all, a project's, in a status, of a priority, a user's. Most serve a foreign key, too.
CREATE INDEX plans_created_idx ON plans (created_at DESC, plan_id DESC);
CREATE INDEX plans_project_idx ON plans (project_id, created_at DESC, plan_id DESC);
CREATE INDEX plans_project_status_idx ON plans (project_id, status, created_at DESC, plan_id DESC);
CREATE INDEX plans_status_idx ON plans (status, created_at DESC, plan_id DESC);
CREATE INDEX plans_priority_idx ON plans (priority, created_at DESC, plan_id DESC);
CREATE INDEX plans_created_by_idx ON plans (created_by, created_at DESC, plan_id DESC);
CREATE INDEX plans_assigned_to_idx ON plans (assigned_to, created_at DESC, plan_id DESC);
CREATE INDEX plans_mobile_sync_idx ON plans (created_at DESC, plan_id DESC) WHERE mobile_sync_enabled;
-- The lists by deadline and by priority.
CREATE INDEX plans_deadline_idx ON plans (deadline, plan_id) WHERE deadline IS NOT NULL;
CREATE INDEX plans_project_deadline_idx ON plans (project_id, deadline, plan_id) WHERE deadline IS NOT NULL;
CREATE INDEX plans_urgency_idx ON plans (urgency, created_at, plan_id);
CREATE INDEX plans_project_urgency_idx ON plans (project_id, urgency, created_at, plan_id);
-- Serves whoever warns of deadlines: before them, and once more when they pass.
CREATE INDEX plans_deadline_warning_idx ON plans (deadline)
    WHERE deadline IS NOT NULL AND (deadline_warned_at IS NULL OR deadline_warned_at < deadline)
        AND status IN ('DRAFT', 'ACTIVE', 'PAUSED');
-- Serves the purge of hidden plans.
CREATE INDEX plans_purge_idx ON plans (purge_at) WHERE purge_at IS NOT NULL;

-- Pieces of work for workers and for people.
CREATE TABLE tasks (
    task_id             uuid          NOT NULL,
    plan_id             uuid,
    parent_task_id      uuid,
    -- How many tasks this one is part of.
    depth               smallint      NOT NULL DEFAULT 0,
    title               text          NOT NULL,
    description         text          NOT NULL DEFAULT '',
    task_type           text          NOT NULL,
    permission_level    text          NOT NULL,
    priority            text          NOT NULL DEFAULT 'NORMAL',
    -- The priority as a number that sorts: the most important first.
    urgency             smallint      NOT NULL GENERATED ALWAYS AS
        (CASE priority WHEN 'CRITICAL' THEN 0 WHEN 'HIGH' THEN 1 WHEN 'NORMAL' THEN 2 ELSE 3 END) STORED,
    status              text          NOT NULL DEFAULT 'PENDING',
    status_reason       text          NOT NULL DEFAULT '',
    repository_url      text          NOT NULL DEFAULT '',
    branch_name         text          NOT NULL DEFAULT '',
    issue_number        integer,
    pr_number           integer,
    context             jsonb         NOT NULL DEFAULT '{}',
    execution_context   jsonb         NOT NULL DEFAULT '{}',
    metadata            jsonb         NOT NULL DEFAULT '{}',
    tags                text[]        NOT NULL DEFAULT '{}',
    -- Null when the user has been deleted since.
    created_by          uuid,
    assigned_user_id    uuid,
    assigned_agent_id   uuid,
    assigned_agent_type text          NOT NULL DEFAULT '',
    assigned_worker_id  uuid,
    progress_percentage numeric(5, 2) NOT NULL DEFAULT 0,
    estimated_hours     numeric(6, 2),
    actual_hours        numeric(6, 2),
    mobile_task_id      text          NOT NULL DEFAULT '',
    device_fingerprint  text          NOT NULL DEFAULT '',
    sync_status         text          NOT NULL DEFAULT 'LOCAL',
    deadline            timestamptz,
    -- The deadline, or else the plan's, or else the end of time: what tasks are ordered by. Follows the plan's deadline.
    due_at              timestamptz   NOT NULL DEFAULT '10000-01-01 00:00:00+00',
    -- When it was last said that the deadline is near or, at or after it, that it has passed. Null for neither, of this
    -- deadline.
    deadline_warned_at  timestamptz,
    -- How often the task has been queued.
    attempt             integer       NOT NULL DEFAULT 0,
    -- Whether agent-service has been told, or will be, to do the current attempt, and not yet to stop.
    dispatched          boolean       NOT NULL DEFAULT false,
    -- The order of the current attempt in agent-service, once that is known.
    work_order_id       uuid,
    queue_name          text          NOT NULL DEFAULT '',
    result              jsonb,
    error_message       text          NOT NULL DEFAULT '',
    awaiting_approval   boolean       NOT NULL DEFAULT false,
    rejection_reason    text          NOT NULL DEFAULT '',
    started_at          timestamptz,
    completed_at        timestamptz,
    created_at          timestamptz   NOT NULL,
    updated_at          timestamptz   NOT NULL,
    version             bigint        NOT NULL DEFAULT 1,
    CONSTRAINT tasks_pkey PRIMARY KEY (task_id),
    CONSTRAINT tasks_plan_fkey FOREIGN KEY (plan_id) REFERENCES plans (plan_id) ON DELETE CASCADE,
    CONSTRAINT tasks_parent_fkey FOREIGN KEY (parent_task_id) REFERENCES tasks (task_id) ON DELETE CASCADE,
    CONSTRAINT tasks_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (user_id) ON DELETE SET NULL,
    CONSTRAINT tasks_assigned_user_fkey FOREIGN KEY (assigned_user_id) REFERENCES users (user_id) ON DELETE SET NULL,
    CONSTRAINT tasks_parent_check CHECK (parent_task_id <> task_id),
    CONSTRAINT tasks_depth_check CHECK (depth BETWEEN 0 AND 10 AND (depth = 0) = (parent_task_id IS NULL)),
    CONSTRAINT tasks_title_check CHECK (length(title) BETWEEN 1 AND 255),
    CONSTRAINT tasks_description_check CHECK (length(description) <= 65536),
    CONSTRAINT tasks_task_type_check
        CHECK (task_type IN ('FEATURE', 'BUGFIX', 'TEST', 'DOCS', 'REFACTOR', 'REVIEW')),
    CONSTRAINT tasks_permission_level_check
        CHECK (permission_level IN ('AUTONOMOUS', 'SUPERVISED', 'HUMAN_REQUIRED')),
    CONSTRAINT tasks_priority_check CHECK (priority IN ('LOW', 'NORMAL', 'HIGH', 'CRITICAL')),
    CONSTRAINT tasks_status_check CHECK (
        status IN
            ('PENDING', 'QUEUED', 'ASSIGNED', 'IN_PROGRESS', 'BLOCKED', 'COMPLETED', 'FAILED', 'CANCELLED')
    ),
    CONSTRAINT tasks_status_reason_check CHECK (length(status_reason) <= 4096),
    CONSTRAINT tasks_repository_url_check CHECK (length(repository_url) <= 500),
    CONSTRAINT tasks_branch_name_check CHECK (length(branch_name) <= 255),
    CONSTRAINT tasks_issue_number_check CHECK (issue_number > 0),
    CONSTRAINT tasks_pr_number_check CHECK (pr_number > 0),
    CONSTRAINT tasks_context_check CHECK (jsonb_typeof(context) = 'object'),
    CONSTRAINT tasks_execution_context_check CHECK (jsonb_typeof(execution_context) = 'object'),
    CONSTRAINT tasks_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT tasks_tags_check CHECK (cardinality(tags) <= 50),
    CONSTRAINT tasks_assigned_agent_type_check CHECK (length(assigned_agent_type) <= 100),
    CONSTRAINT tasks_progress_check CHECK (progress_percentage BETWEEN 0 AND 100),
    CONSTRAINT tasks_estimated_hours_check CHECK (estimated_hours >= 0),
    CONSTRAINT tasks_actual_hours_check CHECK (actual_hours >= 0),
    CONSTRAINT tasks_mobile_task_id_check CHECK (length(mobile_task_id) <= 255),
    CONSTRAINT tasks_device_fingerprint_check CHECK (length(device_fingerprint) <= 255),
    CONSTRAINT tasks_sync_status_check CHECK (sync_status IN ('LOCAL', 'SYNCING', 'SYNCED', 'CONFLICT')),
    CONSTRAINT tasks_attempt_check CHECK (attempt >= 0),
    -- What a worker does or may do is QUEUED or IN_PROGRESS, and nobody who needs a person is.
    CONSTRAINT tasks_dispatched_check CHECK (
        CASE WHEN dispatched
            THEN status IN ('QUEUED', 'IN_PROGRESS') AND attempt > 0 AND queue_name <> ''
                AND permission_level <> 'HUMAN_REQUIRED' AND NOT awaiting_approval
            ELSE status <> 'QUEUED'
        END
    ),
    CONSTRAINT tasks_work_order_check CHECK (work_order_id IS NULL OR dispatched),
    CONSTRAINT tasks_queue_name_check CHECK (length(queue_name) <= 50),
    CONSTRAINT tasks_result_check CHECK (jsonb_typeof(result) = 'object'),
    CONSTRAINT tasks_assigned_check
        CHECK (status <> 'ASSIGNED' OR (permission_level = 'HUMAN_REQUIRED' AND assigned_user_id IS NOT NULL)),
    CONSTRAINT tasks_awaiting_approval_check
        CHECK (NOT awaiting_approval OR (status = 'IN_PROGRESS' AND permission_level = 'SUPERVISED')),
    CONSTRAINT tasks_started_check CHECK (status <> 'IN_PROGRESS' OR started_at IS NOT NULL),
    CONSTRAINT tasks_completed_check
        CHECK ((completed_at IS NOT NULL) = (status IN ('COMPLETED', 'FAILED', 'CANCELLED'))),
    CONSTRAINT tasks_version_check CHECK (version > 0)
);
-- The lists, newest first, by each filter. Many serve a foreign key, too.
CREATE INDEX tasks_created_idx ON tasks (created_at DESC, task_id DESC);
CREATE INDEX tasks_plan_idx ON tasks (plan_id, created_at DESC, task_id DESC);
CREATE INDEX tasks_plan_status_idx ON tasks (plan_id, status, created_at DESC, task_id DESC);
CREATE INDEX tasks_status_idx ON tasks (status, created_at DESC, task_id DESC);
CREATE INDEX tasks_status_priority_idx ON tasks (status, priority, created_at DESC, task_id DESC);
CREATE INDEX tasks_type_idx ON tasks (task_type, created_at DESC, task_id DESC);
CREATE INDEX tasks_priority_idx ON tasks (priority, created_at DESC, task_id DESC);
CREATE INDEX tasks_created_by_idx ON tasks (created_by, created_at DESC, task_id DESC);
CREATE INDEX tasks_assigned_user_idx ON tasks (assigned_user_id, created_at DESC, task_id DESC);
CREATE INDEX tasks_assigned_agent_idx ON tasks (assigned_agent_id, created_at DESC, task_id DESC);
CREATE INDEX tasks_assigned_worker_idx ON tasks (assigned_worker_id, created_at DESC, task_id DESC);
CREATE INDEX tasks_parent_idx ON tasks (parent_task_id, created_at DESC, task_id DESC);
CREATE INDEX tasks_repository_idx ON tasks (repository_url, created_at DESC, task_id DESC) WHERE repository_url <> '';
CREATE INDEX tasks_tags_idx ON tasks USING gin (tags);
CREATE INDEX tasks_mobile_sync_idx ON tasks (sync_status, created_at DESC, task_id DESC) WHERE sync_status <> 'LOCAL';
CREATE INDEX tasks_awaiting_approval_idx ON tasks (created_at DESC, task_id DESC) WHERE awaiting_approval;
-- The lists by deadline, and by priority and deadline: all, a plan's, a person's, those in a status.
CREATE INDEX tasks_due_idx ON tasks (due_at, task_id);
CREATE INDEX tasks_plan_due_idx ON tasks (plan_id, due_at, task_id);
CREATE INDEX tasks_assigned_user_due_idx ON tasks (assigned_user_id, due_at, task_id);
CREATE INDEX tasks_status_due_idx ON tasks (status, due_at, task_id);
CREATE INDEX tasks_urgency_idx ON tasks (urgency, due_at, created_at, task_id);
CREATE INDEX tasks_plan_urgency_idx ON tasks (plan_id, urgency, due_at, created_at, task_id);
CREATE INDEX tasks_assigned_user_urgency_idx ON tasks (assigned_user_id, urgency, due_at, created_at, task_id);
CREATE INDEX tasks_status_urgency_idx ON tasks (status, urgency, due_at, created_at, task_id);
-- What is ready, in the order in which it should be done: everywhere, in a plan, of a type, for a permission level.
CREATE INDEX tasks_ready_idx ON tasks (urgency, due_at, created_at, task_id) WHERE status = 'PENDING';
CREATE INDEX tasks_plan_ready_idx ON tasks (plan_id, urgency, due_at, created_at, task_id) WHERE status = 'PENDING';
CREATE INDEX tasks_type_ready_idx ON tasks (task_type, urgency, due_at, created_at, task_id) WHERE status = 'PENDING';
CREATE INDEX tasks_level_ready_idx ON tasks (permission_level, urgency, due_at, created_at, task_id)
    WHERE status = 'PENDING';
-- What is dispatched, of each plan: how many there are, and what is to be reconciled with agent-service.
CREATE INDEX tasks_dispatched_idx ON tasks (plan_id, task_id) WHERE dispatched;
-- No order does two tasks.
CREATE UNIQUE INDEX tasks_work_order_key ON tasks (work_order_id) WHERE work_order_id IS NOT NULL;
-- Serves whoever warns of deadlines: before them, and once more when they pass.
CREATE INDEX tasks_deadline_warning_idx ON tasks (deadline)
    WHERE deadline IS NOT NULL AND (deadline_warned_at IS NULL OR deadline_warned_at < deadline)
        AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED');

-- What one task has to do with another.
CREATE TABLE task_dependencies (
    task_dependency_id uuid        NOT NULL,
    task_id            uuid        NOT NULL,
    depends_on_task_id uuid        NOT NULL,
    dependency_type    text        NOT NULL DEFAULT 'BLOCKS',
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    CONSTRAINT task_dependencies_pkey PRIMARY KEY (task_dependency_id),
    CONSTRAINT task_dependencies_pair_key UNIQUE (task_id, depends_on_task_id),
    CONSTRAINT task_dependencies_task_fkey FOREIGN KEY (task_id) REFERENCES tasks (task_id) ON DELETE CASCADE,
    CONSTRAINT task_dependencies_depends_on_fkey
        FOREIGN KEY (depends_on_task_id) REFERENCES tasks (task_id) ON DELETE CASCADE,
    CONSTRAINT task_dependencies_self_check CHECK (task_id <> depends_on_task_id),
    CONSTRAINT task_dependencies_type_check CHECK (dependency_type IN ('BLOCKS', 'RELATED', 'DUPLICATE'))
);
-- The lists of a task's dependencies, and of its dependents, by creation. They serve the foreign keys, too.
CREATE INDEX task_dependencies_task_idx
    ON task_dependencies (task_id, created_at, task_dependency_id);
CREATE INDEX task_dependencies_depends_on_idx
    ON task_dependencies (depends_on_task_id, created_at, task_dependency_id);
