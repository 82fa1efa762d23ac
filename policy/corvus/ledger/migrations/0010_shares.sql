-- A mission may have a share of what its session, or another mission of it, had left when it began.

ALTER TABLE mission ADD COLUMN is_share BOOLEAN;          -- whether its limit is such a share; NULL is no
ALTER TABLE mission ADD COLUMN parent_mission_id VARCHAR; -- mission that gave the share; NULL is the session
