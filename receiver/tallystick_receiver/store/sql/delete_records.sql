-- Ids of records whose day is sealed: whoever sends them again says the same time, which is too old for ever.
-- $1 the first end that can be reached (ns). Index: usage_record_end.
DELETE FROM usage_record WHERE is_dated AND end_ns < $1
