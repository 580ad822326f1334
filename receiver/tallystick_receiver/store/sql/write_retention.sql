-- $1 relation, $2 time before which it is dropped.
UPDATE usage_retention SET dropped_before = greatest(dropped_before, $2) WHERE relation = $1
