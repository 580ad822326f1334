-- Who used anything, and what became of requests. Parameters up to $20 (null) as of read_usage_by_dims, by outcome and then
-- by two names of the user; $21 the metric that counts requests. Index: as of read_usage_by_dims.
WITH usage_row AS MATERIALIZED (
/* read_usage_by_dims */
), named AS (
    SELECT m.key, r.org, r.dimensions[1] AS outcome,
           coalesce(nullif(r.dimensions[2], ''), r.dimensions[3]) AS caller, r.quantity
    FROM usage_row r
    JOIN usage_metric m USING (metric_id)
    WHERE r.quantity > 0
)
SELECT key = $21 AS is_request, CASE WHEN key = $21 THEN outcome END AS outcome, sum(quantity) AS quantity,
       (SELECT count(DISTINCT (org, caller)) FROM named WHERE caller IS NOT NULL) AS callers
FROM named
GROUP BY 1, 2
