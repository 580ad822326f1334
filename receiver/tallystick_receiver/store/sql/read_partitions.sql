-- The partitions of a partitioned table and where each ends, oldest first; nanoseconds become time.
-- $1 relation.
SELECT c.relname AS name,
       CASE WHEN b.upper ~ '^[0-9]+$' THEN to_timestamp(b.upper::bigint / 1000000000) ELSE b.upper::timestamptz END AS upper
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid,
     LATERAL (SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']*)''\)')) AS b (upper)
WHERE i.inhparent = to_regclass($1)
ORDER BY 2
