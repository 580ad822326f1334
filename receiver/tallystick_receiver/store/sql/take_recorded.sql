-- What commits stored and nobody was told yet, in the order in which it was appended.
-- $1 rows at most; one leader takes them, and writes their events in the same transaction.
WITH taken AS (
    DELETE FROM usage_recorded
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM usage_recorded LIMIT $1))
    RETURNING org_id, at, metric_ids, points, quantities
)
SELECT o.name AS org, t.at, t.metric_ids, t.points, t.quantities
FROM taken t
JOIN usage_org o USING (org_id)
ORDER BY t.at, o.name COLLATE "C"
