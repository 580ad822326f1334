-- Writers are locked by buckets, in the order given, until the end of the transaction.
-- $1 lock number, $2 buckets in ascending order.
SELECT count(pg_advisory_xact_lock($1::integer, bucket)) FROM unnest($2::integer[]) AS bucket
