-- Deltas of one series that began in the same nanosecond in several processes of a service: SDKs that fork with unsent
-- deltas make such (issue 4). Starts that are full milliseconds are those of coarse or aligned clocks.
-- What a process copied is in its first point, so at most the least of the points was copied, to all but one of them.
-- $1 after (ns), $2 until (ns).
WITH started AS (
    SELECT c.writer_id, w.credential_org, w.namespace, w.name, c.start_ns[1] AS start_ns, c.end_ns, c.series_ids,
           c.mantissas, c.exponents
    FROM usage_collection c JOIN usage_writer w USING (writer_id)
    WHERE c.end_ns > $1 AND c.end_ns <= $2 AND cardinality(c.start_ns) = 1 AND c.start_ns[1] % 1000000 <> 0
        AND w.instance <> ''
), shared AS (
    SELECT credential_org, namespace, name, start_ns FROM started
    GROUP BY credential_org, namespace, name, start_ns HAVING count(DISTINCT writer_id) > 1
), copied AS (
    SELECT s.start_ns, s.credential_org, s.namespace, s.name, p.series_id, min(s.writer_id) AS writer_id,
           max(s.end_ns) AS end_ns, count(DISTINCT s.writer_id) AS writers,
           min(usage_quantity(p.mantissa, coalesce(p.exponent, 0::smallint))) AS least
    FROM started s
    JOIN shared ON shared.start_ns = s.start_ns AND shared.namespace = s.namespace AND shared.name = s.name
        AND shared.credential_org IS NOT DISTINCT FROM s.credential_org
    CROSS JOIN LATERAL unnest(s.series_ids, s.mantissas, s.exponents) AS p (series_id, mantissa, exponent)
    GROUP BY 1, 2, 3, 4, 5 HAVING count(DISTINCT s.writer_id) > 1
)
INSERT INTO usage_copy (start_ns, end_ns, writer_id, metric_id, writers, points, quantity)
SELECT c.start_ns, max(c.end_ns), min(c.writer_id), d.metric_id, max(c.writers), sum(c.writers - 1),
       sum(c.least * (c.writers - 1))
FROM copied c JOIN usage_series s USING (series_id) JOIN usage_dims d USING (org_id, dims_id)
JOIN usage_metric m ON m.metric_id = d.metric_id AND m.kind <> 'level'
GROUP BY c.start_ns, c.credential_org, c.namespace, c.name, d.metric_id
ON CONFLICT DO NOTHING
