-- First sight of writers: their streams count in full from a moment that never changes, of this database if not given.
-- $1 writer ids, $2 nanoseconds or null. Index: usage_writer_pk.
UPDATE usage_writer
SET cumulative_since_ns = coalesce($2::bigint, (
    SELECT (extract(epoch FROM min(applied_at)) * 1000000)::bigint * 1000 FROM schema_migration))
WHERE writer_id = ANY ($1::bigint[]) AND cumulative_since_ns IS NULL
RETURNING writer_id, cumulative_since_ns
