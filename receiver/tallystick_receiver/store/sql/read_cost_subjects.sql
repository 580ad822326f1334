-- Who causes what: figures of all subjects by currency, the costliest of them, and the sums that they are parts of, in
-- one row. A subject is a group of read_costs; usage that cannot be said whose it is has none.
-- Parameters up to $18 as of read_costs; $19 thousandths of the subjects at which their order is read, $20 how many of
-- the costliest of each currency.
-- Index: as of read_costs.
WITH cost_row AS MATERIALIZED (
/* read_costs */
), known AS MATERIALIZED (
    SELECT *, is_overflow OR array_position(dimensions, NULL) IS NOT NULL OR ($12 AND project IS NULL)
              AS is_unattributed
    FROM cost_row
), subject AS (
    SELECT currency, org, project, dimensions, sum(cost) AS cost
    FROM known
    WHERE currency IS NOT NULL AND NOT is_unattributed
    GROUP BY 1, 2, 3, 4
), ordered AS MATERIALIZED (
    SELECT *, row_number() OVER w AS place, sum(cost) OVER w AS running, count(*) OVER (PARTITION BY currency) AS subjects
    FROM subject
    WINDOW w AS (PARTITION BY currency ORDER BY cost, org COLLATE "C" DESC, project COLLATE "C" DESC,
                                                dimensions COLLATE "C" DESC
                 ROWS UNBOUNDED PRECEDING)
), spread AS (
    SELECT currency, max(subjects) AS subjects, sum(cost) AS cost, sum(place * cost) AS weighted,
           min(cost) AS least, max(cost) AS most,
           sum(cost) FILTER (WHERE place > subjects - (subjects + 99) / 100) AS top_1,
           sum(cost) FILTER (WHERE place > subjects - (subjects + 9) / 10) AS top_10,
           max(cost) FILTER (WHERE place <= subjects - (subjects + 19) / 20) AS below_top_5
    FROM ordered
    GROUP BY currency
), mark AS (
    SELECT o.currency, k.thousandths, o.place, o.cost, o.running
    FROM unnest($19::int[]) AS k (thousandths)
    JOIN ordered o ON o.place = greatest(1, (o.subjects * k.thousandths + 999) / 1000)
), line AS (
    SELECT metric, unit, state, currency, grade, is_adjustment, is_overflow, is_unattributed,
           sum(quantity) AS quantity, sum(cost) AS cost, sum(coalesce(list_cost, cost)) AS list_cost,
           sum(coalesce(billed_cost, cost)) AS billed_cost
    FROM known
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT (SELECT json_agg(s ORDER BY s.currency) FROM spread s)::text AS spreads,
       (SELECT json_agg(m) FROM mark m)::text AS marks,
       (SELECT json_agg(o ORDER BY o.currency, o.place DESC) FROM ordered o WHERE o.place > o.subjects - $20)::text
           AS costliest,
       (SELECT json_agg(l) FROM line l)::text AS lines
