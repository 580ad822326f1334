-- From when on something of these organisations waits to be priced (null: nothing), and when everything was priced
-- last. $1 org ids, $2/$3 from and to. Index: usage_delta_org.
SELECT least(
           (SELECT min(hour) FROM cost_due WHERE org_id = ANY ($1::bigint[]) AND hour >= $2 AND hour < $3),
           (SELECT min(quarter) FROM usage_delta
            WHERE org_id = ANY ($1::bigint[]) AND quarter >= $2 AND quarter < $3 AND level_ns IS NULL),
           (SELECT min(greatest(coalesce(lower(valid), $2), $2)) FROM cost_rerate
            WHERE (org_id IS NULL OR org_id = ANY ($1::bigint[])) AND valid && tstzrange($2, $3))) AS waits_from,
       (SELECT priced_at FROM cost_asof) AS priced_at
