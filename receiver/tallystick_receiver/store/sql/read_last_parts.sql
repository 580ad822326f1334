-- The last part of some collections, where one is there. $1 writer ids, $2 ends (ns). Index: usage_collection_pk.
SELECT wanted.writer_id, wanted.end_ns, max(c.part) AS part
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (writer_id, end_ns)
JOIN usage_collection c ON c.writer_id = wanted.writer_id AND c.end_ns = wanted.end_ns
GROUP BY 1, 2
