-- What rollups keep, from when on. $1 keys, or null for all. Index: usage_keep_unique.
SELECT key, org, starts, is_own, dimensions FROM usage_keep WHERE $1::text[] IS NULL OR key = ANY ($1::text[])
