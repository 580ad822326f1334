-- A page of refused points, newest first.
-- $1 reason or null, $2 org or null, $3/$4 last_seen and id behind which the page begins, or null, $5 rows.
-- Index: usage of quarantine_last_seen.
SELECT quarantine_id, first_seen, last_seen, times, reason, detail, org, credential_org, encoding, body, replayed_at
FROM quarantine
WHERE ($1::text IS NULL OR reason = $1) AND ($2::text IS NULL OR org = $2)
  AND ($3::timestamptz IS NULL OR (last_seen, quarantine_id) < ($3, $4::bigint))
ORDER BY last_seen DESC, quarantine_id DESC
LIMIT $5
