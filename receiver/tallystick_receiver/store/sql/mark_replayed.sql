-- $1 id, $2 now. Index: quarantine_pk.
UPDATE quarantine SET replayed_at = $2 WHERE quarantine_id = $1
