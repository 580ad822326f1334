-- Whose commits are told; null is everybody's. A table of few rows.
SELECT DISTINCT org_id FROM event_subscription WHERE type = 'usage.recorded'
