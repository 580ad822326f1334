-- Take what was touched and is visible; what comes meanwhile stays for the next round.
WITH taken AS (DELETE FROM usage_touched RETURNING org_id, quarter)
SELECT DISTINCT org_id, quarter FROM taken
