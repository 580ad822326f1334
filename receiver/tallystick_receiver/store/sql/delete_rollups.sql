-- $1 organisation, $2 time. Index: the primary key of usage_rollup.
DELETE FROM usage_rollup WHERE org_id = $1 AND time_column < $2
