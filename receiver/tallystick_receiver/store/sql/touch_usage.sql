-- Have the thresholds of an organisation evaluated. $1 org id, $2 quarter of an hour.
INSERT INTO usage_touched (org_id, quarter) VALUES ($1, $2)
