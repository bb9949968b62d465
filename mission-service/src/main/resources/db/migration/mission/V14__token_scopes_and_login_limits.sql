-- What API tokens are limited to, and how often wrong passwords were given.
-- Cost: milliseconds, and a look at each API token: a column of api_tokens with a default, and a new table.
-- Locks: of api_tokens, while its rows are looked at.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- Empty means everything that the token's user may do.
ALTER TABLE api_tokens ADD COLUMN scopes text[] NOT NULL DEFAULT '{}'
    CONSTRAINT api_tokens_scopes_check
        CHECK (scopes <@ ARRAY['ACCOUNT', 'MISSION_READ', 'MISSION_WRITE', 'AGENT_READ', 'AGENT_WRITE', 'WORK',
                               'KNOWLEDGE_READ', 'KNOWLEDGE_WRITE', 'CHANGE_READ']);

-- When a username or an address has all its attempts again, by a hash: people type passwords where names belong. Not
-- logged, for it changes with every attempt and is gone within minutes: after a crash of the database the counting begins
-- anew. Purged of what lies behind, and of what is more than a few hundred thousand.
CREATE UNLOGGED TABLE login_limits (
    subject      bytea       NOT NULL,
    recovered_at timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT login_limits_pkey PRIMARY KEY (subject),
    CONSTRAINT login_limits_subject_check CHECK (octet_length(subject) = 32)
);
-- Serves the purge.
CREATE INDEX login_limits_recovered_idx ON login_limits (recovered_at);
