-- End a schedule: what is due by then stays due. $1 id, $2 when.
UPDATE credit_refill
SET ends_at = least(ends_at, $2), next_at = CASE WHEN next_at < $2 THEN next_at END
WHERE id = $1
