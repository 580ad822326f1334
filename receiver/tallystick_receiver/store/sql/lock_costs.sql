-- Whoever prices waits; whoever asks does not.
LOCK TABLE usage_cost, usage_cost_monthly, usage_cost_user_monthly IN SHARE ROW EXCLUSIVE MODE
