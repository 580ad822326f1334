-- Have usage priced again. $1 org id (null: all), $2 metric (null: all), $3/$4 hours from and to, $5 of closed months.
INSERT INTO cost_rerate (org_id, metric, valid, of_closed) VALUES ($1, $2, tstzrange($3, $4), $5)
