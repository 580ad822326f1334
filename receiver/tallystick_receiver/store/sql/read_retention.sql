-- Until when each relation was dropped.
SELECT relation, dropped_before FROM usage_retention
