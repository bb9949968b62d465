-- Credentials for resources outside of Sortie, encrypted; and which resources a tool works with.
-- Cost: milliseconds, and a look at each tool: new tables, and a column of tools with a default.
-- Locks: of users, for the moment in which the foreign key to it is made; of tools, while its rows are looked at.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- The keys that credentials have been encrypted with, by Tink's numbers; not the keys themselves, which never are in the
-- database. What is retired encrypts nothing any more, whatever a server that was not told might think.
CREATE TABLE credential_keys (
    key_id     bigint      NOT NULL,
    retired_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT credential_keys_pkey PRIMARY KEY (key_id),
    CONSTRAINT credential_keys_key_id_check CHECK (key_id BETWEEN 0 AND 4294967295)
);

-- The servers that run, and the keys that each of them has: a key becomes the primary one when all of them have it.
CREATE TABLE credential_key_replicas (
    replica_id     uuid        NOT NULL,
    key_ids        bigint[]    NOT NULL,
    -- Null where no keys are configured.
    primary_key_id bigint,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT credential_key_replicas_pkey PRIMARY KEY (replica_id),
    CONSTRAINT credential_key_replicas_key_ids_check CHECK (cardinality(key_ids) <= 100)
);

-- One row for each user and resource.
CREATE TABLE resource_credentials (
    resource_credential_id uuid        NOT NULL,
    user_id                uuid        NOT NULL,
    resource_id            text        NOT NULL,
    -- AEAD, with resource_credentials|<resource_credential_id>|credentials as associated data.
    credentials            bytea       NOT NULL,
    -- The key it is encrypted with.
    key_id                 bigint      NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    version                bigint      NOT NULL DEFAULT 1,
    CONSTRAINT resource_credentials_pkey PRIMARY KEY (resource_credential_id),
    -- Serves the list of a user's credentials by resource, and the foreign key.
    CONSTRAINT resource_credentials_user_resource_key UNIQUE (user_id, resource_id),
    CONSTRAINT resource_credentials_user_fkey FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE,
    CONSTRAINT resource_credentials_key_fkey FOREIGN KEY (key_id) REFERENCES credential_keys (key_id),
    CONSTRAINT resource_credentials_resource_id_check CHECK (resource_id ~ '^[A-Za-z0-9._/:@-]{1,50}$'),
    CONSTRAINT resource_credentials_credentials_check CHECK (octet_length(credentials) BETWEEN 33 AND 65536),
    CONSTRAINT resource_credentials_version_check CHECK (version > 0)
);
-- Serves the foreign key, and the search for what is left to be encrypted anew.
CREATE INDEX resource_credentials_key_idx ON resource_credentials (key_id, resource_credential_id);

-- Steps with the tool need a credential of the mission's owner for each of these.
ALTER TABLE tools ADD COLUMN resource_ids text[] NOT NULL DEFAULT '{}'
    CONSTRAINT tools_resource_ids_check
        CHECK (cardinality(resource_ids) <= 20 AND array_position(resource_ids, NULL) IS NULL);
