-- Book entries; those whose key is booked already are left as they are.
-- $1 account ids, $2 kinds, $3 amounts, $4 keys, $5 times, $6 notes, $7 now.
INSERT INTO credit_entry (account_id, kind, amount, idempotency_key, at, note, recorded_at)
SELECT account_id, kind, amount, key, at, note, $7
FROM unnest($1::bigint[], $2::text[], $3::numeric[], $4::text[], $5::timestamptz[], $6::text[])
     AS fresh (account_id, kind, amount, key, at, note)
ON CONFLICT ON CONSTRAINT credit_entry_unique DO NOTHING
RETURNING number
