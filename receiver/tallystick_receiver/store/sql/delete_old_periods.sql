-- Forget periods that no late usage can change any more. $1 end before which. Index: usage_period_end.
DELETE FROM usage_period WHERE ends_at <= $1
