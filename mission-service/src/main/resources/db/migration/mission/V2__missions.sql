-- Missions, their hops and the assets of both.
-- Cost: milliseconds, whatever the size of the database: new tables only.
-- Locks: of users, for the moment in which the foreign keys to it are made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- What shall be achieved.
CREATE TABLE missions (
    mission_id       uuid        NOT NULL,
    user_id          uuid        NOT NULL,
    name             text        NOT NULL,
    description      text        NOT NULL DEFAULT '',
    goal             text        NOT NULL DEFAULT '',
    status           text        NOT NULL DEFAULT 'PENDING',
    -- An array of strings.
    success_criteria jsonb       NOT NULL DEFAULT '[]',
    metadata         jsonb       NOT NULL DEFAULT '{}',
    -- The active hop, where there is one.
    current_hop_id   uuid,
    client           text        NOT NULL DEFAULT '',
    budget_amount    bigint,
    budget_currency  text        NOT NULL DEFAULT '',
    deadline         timestamptz,
    assigned_to      text        NOT NULL DEFAULT '',
    github_url       text        NOT NULL DEFAULT '',
    -- Whether hops follow one another by themselves.
    running          boolean     NOT NULL DEFAULT false,
    status_reason    text        NOT NULL DEFAULT '',
    qa_at            timestamptz,
    completed_at     timestamptz,
    -- A hidden mission, and when it will be gone for good.
    deleted_at       timestamptz,
    purge_at         timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    version          bigint      NOT NULL DEFAULT 1,
    CONSTRAINT missions_pkey PRIMARY KEY (mission_id),
    CONSTRAINT missions_user_fkey FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE,
    CONSTRAINT missions_name_check CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT missions_description_check CHECK (length(description) <= 65536),
    CONSTRAINT missions_goal_check CHECK (length(goal) <= 65536),
    CONSTRAINT missions_status_check CHECK (
        status IN ('PENDING', 'READY_TO_DESIGN', 'ACTIVE', 'QA', 'COMPLETED', 'FAILED', 'CANCELLED')
    ),
    CONSTRAINT missions_success_criteria_check CHECK (jsonb_typeof(success_criteria) = 'array'),
    CONSTRAINT missions_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT missions_current_hop_check CHECK (current_hop_id IS NULL OR status = 'ACTIVE'),
    CONSTRAINT missions_client_check CHECK (length(client) <= 255),
    CONSTRAINT missions_budget_amount_check CHECK (budget_amount >= 0),
    CONSTRAINT missions_budget_currency_check CHECK (budget_currency ~ '^([A-Z]{3})?$'),
    CONSTRAINT missions_assigned_to_check CHECK (length(assigned_to) <= 255),
    CONSTRAINT missions_github_url_check CHECK (length(github_url) <= 500),
    CONSTRAINT missions_running_check CHECK (NOT running OR status IN ('READY_TO_DESIGN', 'ACTIVE')),
    CONSTRAINT missions_status_reason_check CHECK (length(status_reason) <= 4096),
    CONSTRAINT missions_qa_at_check CHECK (qa_at IS NOT NULL OR status NOT IN ('QA', 'COMPLETED')),
    CONSTRAINT missions_completed_at_check CHECK (
        (completed_at IS NOT NULL) = (status IN ('COMPLETED', 'FAILED', 'CANCELLED'))
    ),
    CONSTRAINT missions_purge_at_check CHECK ((purge_at IS NOT NULL) = (deleted_at IS NOT NULL)),
    CONSTRAINT missions_deleted_check CHECK (deleted_at IS NULL OR NOT running),
    CONSTRAINT missions_version_check CHECK (version > 0)
);
-- The lists, newest first: everybody's, an owner's, and both by status. The second and fourth also serve the foreign
-- key and lookups by owner alone.
CREATE INDEX missions_created_idx ON missions (created_at DESC, mission_id DESC);
CREATE INDEX missions_user_idx ON missions (user_id, created_at DESC, mission_id DESC);
CREATE INDEX missions_status_idx ON missions (status, created_at DESC, mission_id DESC);
CREATE INDEX missions_user_status_idx ON missions (user_id, status, created_at DESC, mission_id DESC);
-- Serves the foreign key to hops.
CREATE INDEX missions_current_hop_idx ON missions (current_hop_id, mission_id);
-- Serves the purge of hidden missions.
CREATE INDEX missions_purge_idx ON missions (purge_at) WHERE purge_at IS NOT NULL;

-- The stages of a mission, in their order.
CREATE TABLE hops (
    hop_id         uuid        NOT NULL,
    mission_id     uuid        NOT NULL,
    name           text        NOT NULL,
    description    text        NOT NULL DEFAULT '',
    rationale      text        NOT NULL DEFAULT '',
    status         text        NOT NULL DEFAULT 'PENDING',
    -- 0, 1, 2 … without gaps.
    sequence_order integer     NOT NULL,
    is_final       boolean     NOT NULL DEFAULT false,
    is_resolved    boolean     NOT NULL DEFAULT false,
    error_message  text        NOT NULL DEFAULT '',
    -- Whether steps follow one another by themselves.
    running        boolean     NOT NULL DEFAULT false,
    started_at     timestamptz,
    ended_at       timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    version        bigint      NOT NULL DEFAULT 1,
    CONSTRAINT hops_pkey PRIMARY KEY (hop_id),
    -- Lets other tables name a hop together with its mission, so that the two always agree.
    CONSTRAINT hops_mission_hop_key UNIQUE (mission_id, hop_id),
    -- Checked at the end of a statement, not row by row, so that one UPDATE can renumber many. Also serves the list of
    -- a mission's hops and the foreign key.
    CONSTRAINT hops_mission_order_key UNIQUE (mission_id, sequence_order) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT hops_mission_fkey FOREIGN KEY (mission_id) REFERENCES missions (mission_id) ON DELETE CASCADE,
    CONSTRAINT hops_name_check CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT hops_description_check CHECK (length(description) <= 65536),
    CONSTRAINT hops_rationale_check CHECK (length(rationale) <= 65536),
    CONSTRAINT hops_status_check CHECK (status IN ('PENDING', 'ACTIVE', 'COMPLETED', 'FAILED', 'CANCELLED')),
    CONSTRAINT hops_sequence_order_check CHECK (sequence_order BETWEEN 0 AND 999),
    CONSTRAINT hops_running_check CHECK (NOT running OR status = 'ACTIVE'),
    CONSTRAINT hops_started_at_check CHECK (
        CASE status WHEN 'PENDING' THEN started_at IS NULL WHEN 'CANCELLED' THEN true ELSE started_at IS NOT NULL END
    ),
    CONSTRAINT hops_ended_at_check CHECK (
        (ended_at IS NOT NULL) = (status IN ('COMPLETED', 'FAILED', 'CANCELLED'))
    ),
    CONSTRAINT hops_version_check CHECK (version > 0)
);
-- A mission has one active hop at most.
CREATE UNIQUE INDEX hops_active_key ON hops (mission_id) WHERE status = 'ACTIVE';
CREATE INDEX hops_status_idx ON hops (status);
-- Serves the list of a mission's hops in one status.
CREATE INDEX hops_mission_status_idx ON hops (mission_id, status, sequence_order);

-- The current hop is a hop of this very mission.
ALTER TABLE missions
    ADD CONSTRAINT missions_current_hop_fkey FOREIGN KEY (mission_id, current_hop_id)
    REFERENCES hops (mission_id, hop_id) ON DELETE SET NULL (current_hop_id);

-- The data that missions and hops work with.
CREATE TABLE assets (
    asset_id        uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    scope_type      text        NOT NULL,
    scope_id        uuid        NOT NULL,
    -- The mission that the scope is, or is part of.
    mission_id      uuid        NOT NULL,
    -- The hop that the scope is; null for a mission's. With mission_id it makes the database see to it that the scope
    -- exists and takes its assets with it.
    hop_id          uuid GENERATED ALWAYS AS (CASE scope_type WHEN 'HOP' THEN scope_id END) STORED,
    name            text        NOT NULL,
    description     text        NOT NULL DEFAULT '',
    type            text        NOT NULL,
    subtype         text        NOT NULL DEFAULT '',
    role            text        NOT NULL,
    status          text        NOT NULL DEFAULT 'PENDING',
    content         jsonb,
    content_summary text        NOT NULL DEFAULT '',
    -- {creator, tags, agent_associations, version, token_count}
    asset_metadata  jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint      NOT NULL DEFAULT 1,
    CONSTRAINT assets_pkey PRIMARY KEY (asset_id),
    CONSTRAINT assets_user_fkey FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE,
    CONSTRAINT assets_mission_fkey FOREIGN KEY (mission_id) REFERENCES missions (mission_id) ON DELETE CASCADE,
    CONSTRAINT assets_hop_fkey FOREIGN KEY (mission_id, hop_id) REFERENCES hops (mission_id, hop_id) ON DELETE CASCADE,
    CONSTRAINT assets_scope_type_check CHECK (scope_type IN ('MISSION', 'HOP')),
    CONSTRAINT assets_scope_check CHECK (scope_type <> 'MISSION' OR scope_id = mission_id),
    CONSTRAINT assets_name_check CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT assets_description_check CHECK (length(description) <= 65536),
    CONSTRAINT assets_type_check CHECK (length(type) BETWEEN 1 AND 255),
    CONSTRAINT assets_subtype_check CHECK (length(subtype) <= 255),
    CONSTRAINT assets_role_check CHECK (role IN ('INPUT', 'OUTPUT', 'INTERMEDIATE')),
    CONSTRAINT assets_status_check CHECK (status IN ('PENDING', 'READY', 'ERROR')),
    CONSTRAINT assets_content_check CHECK (
        CASE status WHEN 'READY' THEN content IS NOT NULL WHEN 'PENDING' THEN content IS NULL ELSE true END
    ),
    CONSTRAINT assets_content_summary_check CHECK (length(content_summary) <= 4096),
    CONSTRAINT assets_asset_metadata_check CHECK (jsonb_typeof(asset_metadata) = 'object'),
    CONSTRAINT assets_version_check CHECK (version > 0)
);
-- Serves the list of a scope's assets, by creation.
CREATE INDEX assets_scope_idx ON assets (scope_type, scope_id, created_at, asset_id);
-- Serves the foreign key and lookups by owner, with and without a scope.
CREATE INDEX assets_user_scope_idx ON assets (user_id, scope_type, scope_id);
-- Serves both other foreign keys and the tree of a mission.
CREATE INDEX assets_mission_hop_idx ON assets (mission_id, hop_id);
CREATE INDEX assets_status_idx ON assets (status);
CREATE INDEX assets_role_idx ON assets (role);
CREATE INDEX assets_type_idx ON assets (type);
