-- What people go on with when their access token has expired.
-- Cost: milliseconds, whatever the size of the database: a new table only.
-- Locks: of users, for the moment in which the foreign key to it is made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- One row for each token that was given out and has not expired: the one that works, and those that were exchanged for
-- it, so that whoever presents one of these is known for it. A token that is revoked is deleted.
CREATE TABLE refresh_tokens (
    refresh_token_id uuid        NOT NULL,
    -- All that came of one login.
    family_id        uuid        NOT NULL,
    user_id          uuid        NOT NULL,
    -- SHA-256 of the token. It has 256 random bits, so nothing slower is needed.
    token_hash       bytea       NOT NULL,
    -- When it was exchanged for the next one. Null while it works.
    used_at          timestamptz,
    expires_at       timestamptz NOT NULL,
    created_at       timestamptz NOT NULL,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (refresh_token_id),
    CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_user_fkey FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE,
    CONSTRAINT refresh_tokens_token_hash_check CHECK (octet_length(token_hash) = 32)
);
-- A login has one token that works at most.
CREATE UNIQUE INDEX refresh_tokens_working_key ON refresh_tokens (family_id) WHERE used_at IS NULL;
-- Serves the end of a login and the bound of what is kept of it.
CREATE INDEX refresh_tokens_family_idx ON refresh_tokens (family_id, used_at DESC, refresh_token_id DESC);
-- Serves the foreign key, the end of all logins of a user, and their bound.
CREATE INDEX refresh_tokens_user_idx ON refresh_tokens (user_id, created_at DESC, refresh_token_id DESC);
-- Serves the purge.
CREATE INDEX refresh_tokens_expires_idx ON refresh_tokens (expires_at);
