-- $1 id. Index: quarantine_pk.
SELECT quarantine_id, first_seen, last_seen, times, reason, detail, org, credential_org, encoding, body, replayed_at
FROM quarantine
WHERE quarantine_id = $1
