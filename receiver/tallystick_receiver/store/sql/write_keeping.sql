-- What rollups keep from a time on; what was said of later times never came into force.
-- $1 metric, $2 organisation or null, $3 from when on, $4 whether the definition is there, $5 dimensions or null.
-- Index: usage_keep_unique.
WITH newer AS (
    UPDATE usage_keep_version SET version = version + 1
), gone AS (
    DELETE FROM usage_keep WHERE key = $1 AND org IS NOT DISTINCT FROM $2 AND starts > $3
)
INSERT INTO usage_keep (key, org, starts, is_own, dimensions)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT usage_keep_unique DO UPDATE
SET is_own = excluded.is_own, dimensions = excluded.dimensions
