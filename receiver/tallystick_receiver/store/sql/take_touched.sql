-- Take what was touched and is visible; what comes meanwhile stays for the next round. The amount is null where it does
-- not say how much left usage_delta.
WITH taken AS (DELETE FROM usage_touched RETURNING org_id, quarter, amount)
SELECT org_id, quarter, CASE WHEN bool_and(amount IS NOT NULL) THEN sum(amount) END AS amount
FROM taken
GROUP BY org_id, quarter
