-- Look again later, unless points came meanwhile.
-- $1 writers, $2 begins, $3 sequences, $4 check_after as read, $5 check_after, $6 whether counted.
UPDATE usage_announcement a
SET check_after = CASE WHEN a.check_after = d.as_read THEN d.check_after ELSE a.check_after END, is_counted = d.is_counted
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::boolean[])
     AS d (writer_id, begun_ns, sequence, as_read, check_after, is_counted)
WHERE a.writer_id = d.writer_id AND a.begun_ns = d.begun_ns AND a.sequence = d.sequence
