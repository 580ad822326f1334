-- Changes whenever rates do: none is ever changed but to be voided.
SELECT (SELECT count(*) + count(voided_at) FROM rate) AS rates,
       (SELECT count(*) + count(voided_at) FROM rate_modifier) AS modifiers,
       (SELECT count(*) + count(voided_at) FROM rate_alias) AS aliases
