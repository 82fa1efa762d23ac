-- Equal refusals in a row become one row: the first few of a minute are told singly, the others together. NULL is one
-- call. Then estimate_nano_usd is the largest estimate of them, and estimates_nano_usd their sum.

ALTER TABLE reservation_event ADD COLUMN times INTEGER;
ALTER TABLE reservation_event ADD COLUMN estimates_nano_usd BIGINT;
