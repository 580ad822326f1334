-- Take due deliveries, the first of each lane before the second of any, and count the attempt before it is made: what is
-- taken and never heard of again is due again after the lease.
-- $1 kinds, $2 now, $3 end of the lease, $4 deliveries at most, $5 at most of a lane, $6 lanes with other bounds, $7 theirs.
-- Index: delivery_due.
WITH RECURSIVE lanes AS (
    (SELECT kind, lane FROM delivery WHERE state = 'waiting' ORDER BY kind, lane LIMIT 1)
    UNION ALL
    SELECT following.kind, following.lane
    FROM lanes
    CROSS JOIN LATERAL (
        SELECT d.kind, d.lane
        FROM delivery d
        WHERE d.state = 'waiting' AND (d.kind, d.lane) > (lanes.kind, lanes.lane)
        ORDER BY d.kind, d.lane
        LIMIT 1
    ) AS following
), chosen AS (
    SELECT first.number
    FROM lanes
    LEFT JOIN unnest($6::text[], $7::integer[]) AS held (lane, free) ON held.lane = lanes.lane
    CROSS JOIN LATERAL (
        SELECT taken.number, taken.due_at, row_number() OVER (ORDER BY taken.due_at, taken.number) AS place
        FROM (
            SELECT d.number, d.due_at
            FROM delivery d
            WHERE d.state = 'waiting' AND d.kind = lanes.kind AND d.lane = lanes.lane AND d.due_at <= $2
            ORDER BY d.due_at, d.number
            LIMIT $5
        ) AS taken
    ) AS first
    WHERE lanes.kind = ANY ($1::text[]) AND first.place <= coalesce(held.free, $5)
    ORDER BY first.place, first.due_at, first.number
    LIMIT $4
), taken AS (
    UPDATE delivery SET attempts = attempts + 1, tried_at = $2, due_at = $3
    FROM chosen
    WHERE delivery.number = chosen.number AND delivery.state = 'waiting'
    RETURNING delivery.*
)
SELECT taken.number, taken.kind AS delivery_kind, taken.lane, taken.attempts, taken.since, taken.email,
       event.id AS event, event.at, event.body, webhook.*
FROM taken
JOIN event ON event.number = taken.event
LEFT JOIN webhook ON webhook.id = taken.webhook
ORDER BY taken.number
