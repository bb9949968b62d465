-- People, the tokens they call with, and the tools that steps use.
-- Cost: milliseconds, whatever the size of the database: new tables only.
-- Locks: none that anybody waits for.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- Who may call: people and programs, and Sortie's own services.
CREATE TABLE users (
    user_id       uuid        NOT NULL,
    username      text        NOT NULL,
    email         text        NOT NULL,
    -- As in argon2's own notation. Null for an account that uses API tokens only.
    password_hash text,
    full_name     text        NOT NULL DEFAULT '',
    role          text        NOT NULL,
    kind          text        NOT NULL,
    is_active     boolean     NOT NULL DEFAULT true,
    is_verified   boolean     NOT NULL DEFAULT false,
    settings      jsonb       NOT NULL DEFAULT '{}',
    registered_at timestamptz NOT NULL,
    last_login_at timestamptz,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    version       bigint      NOT NULL DEFAULT 1,
    CONSTRAINT users_pkey PRIMARY KEY (user_id),
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_username_check CHECK (username ~ '^[a-z][a-z0-9._-]{0,49}$'),
    CONSTRAINT users_email_check CHECK (length(email) BETWEEN 1 AND 255),
    CONSTRAINT users_password_hash_check CHECK (length(password_hash) <= 255),
    CONSTRAINT users_full_name_check CHECK (length(full_name) <= 255),
    CONSTRAINT users_role_check CHECK (role IN ('VIEWER', 'DEVELOPER', 'ADMIN')),
    CONSTRAINT users_kind_check CHECK (kind IN ('HUMAN', 'SERVICE')),
    CONSTRAINT users_settings_check CHECK (jsonb_typeof(settings) = 'object'),
    CONSTRAINT users_version_check CHECK (version > 0)
);
-- One account for an address, whatever the case of its letters.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
-- Serves the list of users with a role.
CREATE INDEX users_role_idx ON users (role, username);
CREATE INDEX users_is_active_idx ON users (is_active);

-- What programs call with. The secret itself is nowhere: whoever reads this table can call nothing.
CREATE TABLE api_tokens (
    api_token_id uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    display_name text        NOT NULL,
    -- The first characters of the secret, for a person to tell tokens apart.
    prefix       text        NOT NULL,
    -- SHA-256 of the secret. It has 256 random bits, so nothing slower is needed.
    token_hash   bytea       NOT NULL,
    expires_at   timestamptz,
    -- To about a minute, so that a call costs no write.
    last_used_at timestamptz,
    revoked_at   timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      bigint      NOT NULL DEFAULT 1,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (api_token_id),
    CONSTRAINT api_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT api_tokens_user_fkey FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE,
    CONSTRAINT api_tokens_display_name_check CHECK (length(display_name) BETWEEN 1 AND 255),
    CONSTRAINT api_tokens_prefix_check CHECK (length(prefix) BETWEEN 1 AND 20),
    CONSTRAINT api_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT api_tokens_version_check CHECK (version > 0)
);
-- Serves the list of a user's tokens, newest first, and the foreign key.
CREATE INDEX api_tokens_user_idx ON api_tokens (user_id, created_at DESC, api_token_id DESC);

-- What workers can do for steps.
CREATE TABLE tools (
    tool_id                text             NOT NULL,
    name                   text             NOT NULL,
    description            text             NOT NULL DEFAULT '',
    -- JSON Schema 2020-12. Null means that anything will do.
    input_schema           jsonb,
    output_schema          jsonb,
    -- A queue of agent-service.
    queue_name             text             NOT NULL,
    timeout_millis         bigint           NOT NULL,
    max_retries            integer          NOT NULL,
    initial_backoff_millis bigint           NOT NULL,
    max_backoff_millis     bigint           NOT NULL,
    backoff_multiplier     double precision NOT NULL,
    created_at             timestamptz      NOT NULL,
    updated_at             timestamptz      NOT NULL,
    version                bigint           NOT NULL DEFAULT 1,
    CONSTRAINT tools_pkey PRIMARY KEY (tool_id),
    CONSTRAINT tools_tool_id_check CHECK (tool_id ~ '^[A-Za-z0-9._/:-]{1,255}$'),
    CONSTRAINT tools_name_check CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT tools_description_check CHECK (length(description) <= 16384),
    CONSTRAINT tools_input_schema_check CHECK (jsonb_typeof(input_schema) = 'object'),
    CONSTRAINT tools_output_schema_check CHECK (jsonb_typeof(output_schema) = 'object'),
    CONSTRAINT tools_queue_name_check CHECK (queue_name ~ '^[a-z0-9][a-z0-9._-]{0,49}$'),
    CONSTRAINT tools_timeout_check CHECK (timeout_millis BETWEEN 1000 AND 86400000),
    CONSTRAINT tools_max_retries_check CHECK (max_retries BETWEEN 0 AND 100),
    CONSTRAINT tools_initial_backoff_check CHECK (initial_backoff_millis BETWEEN 0 AND 3600000),
    CONSTRAINT tools_max_backoff_check CHECK (max_backoff_millis BETWEEN 0 AND 86400000),
    CONSTRAINT tools_backoff_multiplier_check CHECK (backoff_multiplier BETWEEN 1 AND 10),
    CONSTRAINT tools_version_check CHECK (version > 0)
);
