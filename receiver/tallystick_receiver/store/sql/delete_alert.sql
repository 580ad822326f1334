-- Forget an alert. $1 id. Index: usage_alert_pk.
DELETE FROM usage_alert WHERE id = $1
