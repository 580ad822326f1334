-- Settings of the server until the end of the transaction. $1 names, $2 values.
SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS setting (name, value)
