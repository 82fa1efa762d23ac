-- A record may stand for several calls: exports of providers state sums, not calls (IMP-1). Then calls is their number,
-- and a row that takes such a record back has it negated. The view usage_call shows it.
ALTER TABLE usage_record ALTER calls TYPE INTEGER;

CREATE OR REPLACE VIEW usage_call AS
SELECT record.* EXCLUDE (corrects_id)
FROM usage_record AS record
ANTI JOIN (SELECT corrects_id FROM usage_record WHERE calls < 0) AS taken ON taken.corrects_id = record.id
WHERE record.calls > 0;
