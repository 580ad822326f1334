-- Where usage waits to be rolled up, of organisations with thresholds, and a print of the rows that it waits in: it
-- changes whenever a commit adds one. One scan of usage_delta, which holds a few seconds; its arrays are not read.
SELECT org_id, quarter, bit_xor(hashtextextended(ctid::text || '/' || xmin::text, 0)) AS print
FROM usage_delta
WHERE org_id IN (SELECT org_id FROM threshold)
GROUP BY org_id, quarter
