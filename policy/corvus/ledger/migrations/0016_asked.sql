-- What a caller asked for is kept, so that recorded calls can be put to another policy. Where another form of a call
-- passed, a shorter one or one of another model, estimate_nano_usd and estimate_tokens are those of that form.

ALTER TABLE reservation_event ADD COLUMN requested_at TIMESTAMP;     -- when a call that waited came; NULL: recorded_at
ALTER TABLE reservation_event ADD COLUMN asked_nano_usd BIGINT;      -- of the form that was asked for; NULL: the same
ALTER TABLE reservation_event ADD COLUMN asked_tokens BIGINT;        -- of that form; NULL: the same
ALTER TABLE reservation_event ADD COLUMN asked_input_nano_usd BIGINT; -- the part of it that is not output
ALTER TABLE reservation_event ADD COLUMN asked_output_rate BIGINT;   -- nano-USD per million output tokens
ALTER TABLE reservation_event ADD COLUMN asked_output_tokens BIGINT; -- output that can be lowered; NULL: none
ALTER TABLE reservation_event ADD COLUMN asked_rungs VARCHAR;        -- what the caller could follow; NULL: everything
