-- $1 continuous aggregate, $2/$3 window, $4 also what is not known to have changed. Runs outside a transaction only.
CALL refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz, force => $4::boolean)
