-- The newest quarter of an hour in which anything is stored, as far as it is not before $2; null for none.
-- $1 organisation or null for all, $2 a time. Index: usage_delta_org, usage_quarter_hourly_pk.
SELECT max(quarter) FROM (
    SELECT max(t.quarter) AS quarter FROM usage_delta t WHERE t.quarter >= $2 AND ($1::bigint IS NULL OR t.org_id = $1)
    UNION ALL
    SELECT max(u.quarter)
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $2
    WHERE $1::bigint IS NULL OR o.org_id = $1
) AS newest
