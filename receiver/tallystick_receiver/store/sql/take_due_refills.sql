-- Schedules with refills that are due, by the earlier of two clocks; nobody else books them meanwhile.
-- $1 the receiver's clock, $2 rows at most.
SELECT id, account_id, amount, every, unit, zone, starts_at, ends_at, note, next_number, least($1, now()) AS now
FROM credit_refill
WHERE next_at <= least($1::timestamptz, now())
ORDER BY next_at
LIMIT $2
FOR UPDATE SKIP LOCKED
