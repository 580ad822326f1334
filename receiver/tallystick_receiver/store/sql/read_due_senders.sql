-- Sequences with holes that are to be looked at again. $1 now.
SELECT writer_id, begun_ns FROM usage_sender WHERE check_after <= $1
