-- Forget which levels a threshold's usage reached. $1 threshold. Index: threshold_crossing_pk.
DELETE FROM threshold_crossing WHERE threshold_id = $1
