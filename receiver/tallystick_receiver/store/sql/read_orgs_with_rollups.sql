-- The organisations that have rollups before a time.
-- $1 time. Index: the primary key of usage_rollup.
SELECT o.org_id FROM usage_org o
WHERE EXISTS (SELECT FROM usage_rollup u WHERE u.org_id = o.org_id AND u.time_column < $1)
