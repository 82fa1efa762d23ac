-- title:   Bills that were read
-- summary: The files of bills whose charges the ledger keeps: which days they cover and what they come to.
-- param:   provider          VARCHAR    optional  only bills of this provider
-- column:  provider          VARCHAR    provider that billed
-- column:  form              VARCHAR    form of the file, such as openai-costs
-- column:  file              VARCHAR    name of the file
-- column:  project           VARCHAR    project or workspace of the bill; NULL where it names none
-- column:  first_day         DATE       UTC, first day that it counts for
-- column:  last_day          DATE       UTC, last day that it counts for
-- column:  charges           BIGINT     charges
-- column:  billed_nano_usd   BIGINT     nano-USD, after discounts; NULL where it has counts alone
-- column:  read_at           TIMESTAMP  UTC, when it was read last
-- reads:   provider_charge
SELECT
    provider,
    form,
    source_file AS file,
    project,
    MIN(day) AS first_day,
    MAX(day) AS last_day,
    COUNT(*) AS charges,
    SUM(amount_nano_usd)::BIGINT AS billed_nano_usd,
    MAX(read_at) AS read_at
FROM provider_charge
WHERE $provider::VARCHAR IS NULL OR provider = $provider
GROUP BY ALL
ORDER BY provider, form, file, project;
