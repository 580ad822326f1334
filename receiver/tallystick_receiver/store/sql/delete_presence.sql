-- Who wrote what before a time. $1 time.
DELETE FROM usage_presence WHERE hour < $1
