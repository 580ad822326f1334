-- The roller and other rebuilds wait; whoever asks does not.
LOCK TABLE usage_quarter_hourly, usage_daily, usage_total_hourly, usage_total_daily IN SHARE ROW EXCLUSIVE MODE
