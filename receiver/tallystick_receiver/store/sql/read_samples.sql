-- Samples of some levels in one quarter of an hour.
-- $1/$2 the quarter, $3 org ids and $4 dims ids. Index: usage_point_ts.
SELECT s.org_id, s.dims_id, usage_end_ns(t.ts, t.end_rest) AS ns, usage_quantity(t.mantissa, t.exponent) AS quantity
FROM usage_point t
JOIN usage_series s ON s.org_id = t.org_id AND s.series_id = t.series_id
JOIN unnest($3::bigint[], $4::bigint[]) AS w (org_id, dims_id) ON w.org_id = s.org_id AND w.dims_id = s.dims_id
WHERE t.ts >= $1 AND t.ts < $2
