-- Whether there is any threshold.
SELECT EXISTS (SELECT FROM threshold)
