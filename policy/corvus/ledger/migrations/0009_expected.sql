-- Where less is held than a call may cost, because such calls cost less, both are kept.

ALTER TABLE reservation_event ADD COLUMN most_nano_usd BIGINT; -- the most that it may cost; NULL where that is held
