-- Take the hours of an organisation that are visible; what comes meanwhile stays for the next round. $1 org id.
WITH taken AS (DELETE FROM cost_due WHERE org_id = $1 RETURNING hour)
SELECT DISTINCT hour FROM taken ORDER BY hour
