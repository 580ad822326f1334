-- Whether the ledger of a day is needed no more to find out what is missing of it: nothing announced waits to be
-- compared, and nothing between announced collections to be looked at. $1 the day begins (ns), $2 it ends (ns).
SELECT NOT EXISTS (SELECT FROM usage_announcement WHERE end_ns > $1 AND end_ns <= $2)
   AND NOT EXISTS (
       SELECT FROM (
           SELECT r.first_sequence, r.start_ns,
                  lag(r.end_ns, 1, r.begun_ns) OVER (PARTITION BY r.writer_id, r.begun_ns ORDER BY r.first_sequence) AS after_ns
           FROM usage_run r JOIN usage_sender s USING (writer_id, begun_ns)
           WHERE s.check_after IS NOT NULL
       ) AS hole
       WHERE first_sequence > 1 AND after_ns < $2 AND start_ns > $1)
