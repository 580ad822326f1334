-- Forget periods that no late usage can change any more. $1 end before which. Index: threshold_crossing_end.
DELETE FROM threshold_crossing WHERE period_end < $1
