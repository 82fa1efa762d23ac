-- Days, weeks and months of reports are those of a time zone (REP-6): what a clock there shows at an instant of the
-- ledger, which is UTC.

CREATE MACRO local_time(instant, zone) AS
    CASE WHEN zone = 'UTC' THEN instant ELSE instant AT TIME ZONE 'UTC' AT TIME ZONE zone END;
