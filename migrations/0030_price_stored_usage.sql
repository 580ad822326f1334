-- Usage that was stored before there were costs is priced, too, once.
INSERT INTO cost_rerate (org_id, metric, valid, of_closed)
SELECT NULL, NULL, '(,)', false
WHERE EXISTS (SELECT FROM usage_total_hourly)
