-- Periods of which something was rolled up become due, where somebody asked for them.
-- $1 end before which nothing is told any more. Index: usage_period_pk.
WITH taken AS (
    DELETE FROM usage_rolled RETURNING org_id, hour
), wanted AS (
    SELECT DISTINCT t.org_id, s.period, date_trunc(u.unit, t.hour, 'UTC') AS starts_at, u.length
    FROM taken t
    JOIN event_subscription s ON s.type = 'usage.aggregated' AND (s.org_id IS NULL OR s.org_id = t.org_id)
    JOIN (VALUES ('hourly', 'hour', interval '1 hour'), ('daily', 'day', interval '1 day'),
                 ('monthly', 'month', interval '1 month')) AS u (period, unit, length) ON u.period = s.period
)
INSERT INTO usage_period (org_id, period, starts_at, ends_at, is_due)
SELECT org_id, period, starts_at, starts_at + length, true FROM wanted
WHERE starts_at + length > $1
ORDER BY org_id, period, starts_at
ON CONFLICT (org_id, period, starts_at) DO UPDATE SET is_due = true
