-- Ask for events of usage; asked for twice is asked for once.
-- $1 id, $2 type, $3 organisation or null, $4 its id or null, $5 metric or null, $6 period or null, $7 now.
INSERT INTO event_subscription (id, type, org, org_id, metric, period, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO NOTHING
RETURNING id
