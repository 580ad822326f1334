-- Make the partition of a day where it is missing; false where that day was dropped.
-- $1 relation, $2 UTC day.
SELECT usage_add_partition($1, $2)
