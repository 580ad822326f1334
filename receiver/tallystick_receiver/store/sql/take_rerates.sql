-- Take what is to be priced again; what comes meanwhile stays for the next round.
WITH taken AS (DELETE FROM cost_rerate RETURNING org_id, metric, valid, of_closed)
SELECT DISTINCT org_id, metric, valid, of_closed FROM taken
