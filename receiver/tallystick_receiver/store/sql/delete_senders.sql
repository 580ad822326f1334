-- Sequences that had their last news before a time, with their runs. $1 time.
WITH gone AS (DELETE FROM usage_sender WHERE last_received_at < $1 RETURNING writer_id, begun_ns)
DELETE FROM usage_run r USING gone WHERE r.writer_id = gone.writer_id AND r.begun_ns = gone.begun_ns
