-- A sub-agent may be started by another one, so that what a session cost can be drawn as a tree.

ALTER TABLE usage_record ADD COLUMN parent_subagent VARCHAR; -- sub-agent that started it; NULL is the agent itself

ALTER TABLE reservation_event ADD COLUMN parent_subagent VARCHAR;
