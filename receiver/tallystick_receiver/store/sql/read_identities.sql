-- What a series and a writer stand for, to write a stored point as OTLP again.
-- $1 org ids, $2 series ids, $3 writer ids.
SELECT s.series_id, s.scope, d.identity, w.writer_id, w.credential_org, w.namespace, w.name, w.instance
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS wanted (org_id, series_id, writer_id)
JOIN usage_series s ON s.org_id = wanted.org_id AND s.series_id = wanted.series_id
JOIN usage_dims d ON d.org_id = s.org_id AND d.dims_id = s.dims_id
JOIN usage_writer w ON w.writer_id = wanted.writer_id
