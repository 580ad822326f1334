-- $1 hours, $2 writers, $3 metrics.
INSERT INTO usage_presence (hour, writer_id, metric_id)
SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::bigint[]) AS found (hour, writer_id, metric_id)
ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
