-- What tells whether the storage is in good condition. The lock is the roller's (store/roll.py).
SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
               WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()
                 AND l.classid = 0 AND l.objid = 2047934466) AS running,
       to_regclass('usage_collection_' || to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMMDD')) IS NOT NULL
           AS tomorrow,
       (SELECT greatest(n_live_tup, 0) FROM pg_stat_user_tables WHERE relname = 'usage_delta') AS deltas,
       (SELECT count(*) FROM quarantine WHERE replayed_at IS NULL) AS quarantined,
       (SELECT coalesce(sum(found.points), 0)
        FROM usage_org o, LATERAL (
            SELECT t.points FROM usage_total_daily t WHERE t.org_id = o.org_id AND t.day > now() - interval '31 days'
            UNION ALL
            SELECT coalesce((SELECT sum(p) FROM unnest(d.points) AS p), cardinality(d.dims_ids))
            FROM usage_delta d WHERE d.org_id = o.org_id
        ) AS found
        WHERE o.name = '(unattributed)') AS unattributed,
       (SELECT count(*) FROM usage_writer WHERE instance = '') AS anonymous,
       (SELECT count(*) FROM api_key WHERE revoked_at IS NULL) AS keys,
       r.relations AS dropped, r.days AS dropped_days
FROM (
    SELECT array_agg(relation ORDER BY relation) AS relations,
           array_agg((dropped_before AT TIME ZONE 'UTC')::date::text ORDER BY relation) AS days
    FROM usage_retention
    WHERE dropped_before > 'epoch'
) AS r
