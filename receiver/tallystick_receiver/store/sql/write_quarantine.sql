-- $1 now, $2 ids, $3 reasons, $4 details, $5 orgs, $6 credential orgs, $7 encodings, $8 bodies, $9 rows allowed.
WITH incoming AS (
    SELECT DISTINCT ON (quarantine_id) *
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[])
         AS refused (quarantine_id, reason, detail, org, credential_org, encoding, body)
    ORDER BY quarantine_id
), kept AS (
    INSERT INTO quarantine (quarantine_id, first_seen, last_seen, times, reason, detail, org, credential_org,
                            encoding, body)
    SELECT quarantine_id, $1, $1, 1, reason, detail, org, credential_org, encoding, body
    FROM incoming
    WHERE (SELECT count(*) FROM (SELECT FROM quarantine LIMIT $9) AS counted) < $9
    ORDER BY quarantine_id
    ON CONFLICT (quarantine_id) DO UPDATE
    SET last_seen = excluded.last_seen, times = quarantine.times + 1, reason = excluded.reason,
        detail = excluded.detail, replayed_at = NULL
    RETURNING 1
)
SELECT count(*) FROM kept
