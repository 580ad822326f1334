-- The parts that the ledger holds of the given collections; arrays in the wire format, which numpy reads at once.
-- $1 writer ids, $2 ends (ns). Index: usage_collection_pk.
SELECT c.writer_id, c.end_ns, c.part,
       array_send(c.series_ids) AS series_ids, array_send(c.start_ns) AS start_ns,
       array_send(c.mantissas) AS mantissas, array_send(c.exponents) AS exponents
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (writer_id, end_ns)
JOIN usage_collection c ON c.writer_id = wanted.writer_id AND c.end_ns = wanted.end_ns
