-- Who moved what from which status to which, when and why.
-- Cost: milliseconds, whatever the size of the database: a new table only.
-- Locks: of missions, projects, plans and tasks, for the moment in which the foreign keys to them are made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- One row for each move, kept as long as what it is about.
CREATE TABLE moves (
    -- In the order of the moves of one mission, project, plan or task: given under its lock.
    move_id     bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    resource    text        NOT NULL,
    resource_id uuid        NOT NULL,
    -- What the resource is or is part of, and goes with. A hop or step may be gone while its mission still tells of it,
    -- hence no foreign key to it.
    mission_id  uuid,
    project_id  uuid,
    plan_id     uuid,
    task_id     uuid,
    -- Null for the one it began in.
    from_status text,
    to_status   text        NOT NULL,
    -- A user's id, or the name of a service for what happens by itself.
    actor       text        NOT NULL,
    reason      text        NOT NULL DEFAULT '',
    moved_at    timestamptz NOT NULL,
    CONSTRAINT moves_pkey PRIMARY KEY (move_id),
    CONSTRAINT moves_mission_fkey FOREIGN KEY (mission_id) REFERENCES missions (mission_id) ON DELETE CASCADE,
    CONSTRAINT moves_project_fkey FOREIGN KEY (project_id) REFERENCES projects (project_id) ON DELETE CASCADE,
    CONSTRAINT moves_plan_fkey FOREIGN KEY (plan_id) REFERENCES plans (plan_id) ON DELETE CASCADE,
    CONSTRAINT moves_task_fkey FOREIGN KEY (task_id) REFERENCES tasks (task_id) ON DELETE CASCADE,
    CONSTRAINT moves_resource_check CHECK (resource IN ('MISSION', 'HOP', 'TOOL_STEP', 'PROJECT', 'PLAN', 'TASK')),
    CONSTRAINT moves_root_check CHECK (
        CASE resource
            WHEN 'PROJECT' THEN project_id IS NOT NULL
            WHEN 'PLAN' THEN plan_id IS NOT NULL
            WHEN 'TASK' THEN task_id IS NOT NULL
            ELSE mission_id IS NOT NULL
        END
        AND num_nonnulls(mission_id, project_id, plan_id, task_id) = 1
    ),
    CONSTRAINT moves_from_status_check CHECK (from_status <> to_status AND length(from_status) BETWEEN 1 AND 50),
    CONSTRAINT moves_to_status_check CHECK (length(to_status) BETWEEN 1 AND 50),
    CONSTRAINT moves_actor_check CHECK (length(actor) BETWEEN 1 AND 255),
    CONSTRAINT moves_reason_check CHECK (length(reason) <= 4096)
);
-- The timelines, newest first; also serve the foreign keys.
CREATE INDEX moves_mission_idx ON moves (mission_id, move_id DESC);
CREATE INDEX moves_project_idx ON moves (project_id, move_id DESC);
CREATE INDEX moves_plan_idx ON moves (plan_id, move_id DESC);
CREATE INDEX moves_task_idx ON moves (task_id, move_id DESC);
-- The same of one kind of resource, and of one resource.
CREATE INDEX moves_mission_resource_idx ON moves (mission_id, resource, move_id DESC);
CREATE INDEX moves_resource_idx ON moves (mission_id, resource_id, move_id DESC);
