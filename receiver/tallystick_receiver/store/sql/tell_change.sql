-- Tell every receiver of this database that something was committed; within a transaction, once that is. $1 what.
SELECT pg_notify('tallystick_change', $1)
