-- title:   Reconciliations
-- summary: What was found each time that a bill was held against the ledger, the latest first.
-- param:   provider          VARCHAR    optional  only bills of this provider
-- param:   top               BIGINT     default=50  range=1..=1000  how many rows
-- column:  reconciled_at     TIMESTAMP  UTC
-- column:  provider          VARCHAR    provider that billed
-- column:  first_day         DATE       UTC, first day that was compared
-- column:  last_day          DATE       UTC, last day that was compared
-- column:  billed_nano_usd   BIGINT     nano-USD, after discounts; NULL where the bill has counts alone
-- column:  list_nano_usd     BIGINT     nano-USD, before discounts
-- column:  ours_nano_usd     BIGINT     nano-USD, recorded
-- column:  high_nano_usd     BIGINT     nano-USD, the most that it can be; NULL where costs are unknown or lower bounds
-- column:  gap_nano_usd      BIGINT     nano-USD, billed less recorded
-- column:  causes            VARCHAR    cause and USD of each part of the gap
-- column:  is_within         BOOLEAN    whether the gap was within the tolerance
-- reads:   reconciliation
SELECT
    reconciled_at,
    provider,
    first_day,
    last_day,
    billed_nano_usd,
    list_nano_usd,
    ours_nano_usd,
    high_nano_usd,
    gap_nano_usd,
    array_to_string(list_transform(map_entries(causes), lambda part: replace(part.key, '_', ' ') || ' '
        || (part.value::DECIMAL(19, 0) * 0.000000001::DECIMAL(9, 9))::DECIMAL(18, 4)::VARCHAR), ', ') AS causes,
    is_within
FROM reconciliation
WHERE $provider::VARCHAR IS NULL OR provider = $provider
ORDER BY reconciled_at DESC, provider, first_day, last_day, ours_nano_usd, gap_nano_usd
LIMIT $top;
