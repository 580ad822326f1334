-- Price a closed month by what is known now. $1 month, $2 known at.
UPDATE cost_month SET known_at = $2 WHERE month = $1 AND closed_at IS NOT NULL
