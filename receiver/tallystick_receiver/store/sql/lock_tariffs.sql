-- Whoever writes tariffs waits, until what nobody refers to is gone; one that is needed again is written again.
LOCK TABLE cost_tariff IN SHARE ROW EXCLUSIVE MODE
