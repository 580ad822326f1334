-- Keep an alert. $1 id, $2 organisation or null, $3 metric or null, $4 percent, $5 emails, $6 slack, $7 now.
INSERT INTO usage_alert (id, org, metric, percent, emails, slack, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
