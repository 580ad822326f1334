-- Keep a schedule.
-- $1 id, $2 account id, $3 amount, $4 count, $5 unit, $6 zone, $7 starts at, $8 ends at, $9 note, $10 next at, $11 now.
INSERT INTO credit_refill (id, account_id, amount, every, unit, zone, starts_at, ends_at, note, next_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
