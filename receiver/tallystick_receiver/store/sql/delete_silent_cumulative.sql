-- Forget streams, and have nothing that started as early count in full again.
-- $1 writer ids, $2 series ids, $3 starts, $4 since when they are silent (ns).
-- Index: usage_cumulative_pk, usage_writer_pk.
WITH gone AS (
    DELETE FROM usage_cumulative c
    USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS silent (writer_id, series_id, start_ns)
    WHERE c.writer_id = silent.writer_id AND c.series_id = silent.series_id AND c.start_ns = silent.start_ns
      AND NOT EXISTS (
          SELECT FROM usage_cumulative l
          WHERE l.writer_id = silent.writer_id AND l.series_id = silent.series_id AND l.start_ns = silent.start_ns
            AND l.at_ns >= $4)
    RETURNING c.writer_id, c.start_ns
)
UPDATE usage_writer w
SET cumulative_since_ns = greatest(w.cumulative_since_ns, least(g.start_ns, 9223372036854775806) + 1)
FROM (SELECT writer_id, max(start_ns) AS start_ns FROM gone GROUP BY writer_id) AS g
WHERE w.writer_id = g.writer_id
