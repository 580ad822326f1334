-- Address fresh events, in their transaction: to the endpoints that subscribed, to Slack and to e-mail recipients.
-- $1 ids of events, $2 those of them that are for Slack whatever its types,
-- $3 ids of events, $4 e-mail addresses, $5 whose each address is (null: the operator's). Index: event_id_unique.
INSERT INTO delivery (event, kind, webhook, email, lane, org, since, due_at)
SELECT event.number, webhook.kind, webhook.id, NULL, webhook.id, webhook.org, event.at, event.at
FROM event
JOIN webhook ON webhook.is_enabled
    AND (webhook.org IS NULL OR event.org IS NULL OR webhook.org = event.org)
    AND (webhook.types IS NULL OR event.type = ANY (webhook.types)
         OR (webhook.kind = 'slack' AND event.id = ANY ($2::text[])))
WHERE event.id = ANY ($1::text[])
UNION ALL
SELECT event.number, 'email', NULL, told.email, 'email:' || coalesce(told.org, ''), told.org, event.at, event.at
FROM unnest($3::text[], $4::text[], $5::text[]) AS told (id, email, org)
JOIN event USING (id)
ORDER BY 1, 2, 3, 4
