-- Where the points were dropped: the ledger's totals against the quarters and deltas, per metric and hour.
-- $1/$2 window in UTC days, $3 unused (the ledger is not kept by organisation), $4 differences at most.
-- Index: usage_collection_hourly_pk, usage_quarter_hourly_pk.
WITH ledger AS (
    SELECT h.metric_id, h.hour AS at, sum(h.quantity) AS quantity, sum(h.points) AS points
    FROM usage_collection_hourly h
    WHERE h.hour >= $1 AND h.hour < $2 AND $3::bigint IS NULL
    GROUP BY 1, 2
), part AS (
    SELECT u.org_id, u.dims_id, u.quarter, u.quantity, u.points
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2
    UNION ALL
    SELECT t.org_id, e.dims_id, t.quarter, usage_quantity(e.mantissa, e.exponent), coalesce(e.points, 1)
    FROM usage_delta t, unnest(t.dims_ids, t.mantissas, t.exponents, t.points) AS e (dims_id, mantissa, exponent, points)
    WHERE t.quarter >= $1 AND t.quarter < $2
), kept AS (
    SELECT x.metric_id, date_bin('1 hour', u.quarter, 'epoch'::timestamptz) AS at, sum(u.quantity) AS quantity,
           sum(u.points) AS points
    FROM part u
    LEFT JOIN usage_dims x ON x.org_id = u.org_id AND x.dims_id = u.dims_id
    GROUP BY 1, 2
), d AS (
    SELECT metric_id, at, l.quantity AS left_quantity, l.points AS left_points, k.quantity AS right_quantity,
           k.points AS right_points
    FROM ledger l
    FULL JOIN kept k USING (metric_id, at)
    WHERE (l.quantity, l.points) IS DISTINCT FROM (k.quantity, k.points)
)
SELECT NULL AS org, NULL AS project, m.key AS metric, NULL AS detail, d.at,
       d.left_quantity::text, d.left_points, d.right_quantity::text, d.right_points, count(*) OVER () AS differences
FROM d
LEFT JOIN usage_metric m ON m.metric_id = d.metric_id
ORDER BY d.at, 3
LIMIT $4
