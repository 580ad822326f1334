-- $1 after (ns), $2 until (ns).
DELETE FROM usage_copy WHERE end_ns > $1 AND end_ns <= $2
