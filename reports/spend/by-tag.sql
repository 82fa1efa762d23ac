-- title:   Spend by tag
-- summary: Cost and usage of each value of each tag, most expensive first within a tag.
-- method:  A call with several tags counts once under each of them, so that the rows of one tag add up and those of
--          different tags do not. With `tag`, the calls without it have a row of their own.
-- param:   since           TIMESTAMP     optional  first instant, inclusive, UTC
-- param:   until           TIMESTAMP     optional  last instant, exclusive, UTC
-- param:   tag             VARCHAR       optional  only this tag
-- column:  tag             VARCHAR       name of the tag
-- column:  tag_value       VARCHAR       its value, NULL for calls without the tag
-- column:  calls           BIGINT        calls
-- column:  unpriced_calls  BIGINT        calls, those without a price
-- column:  tokens          BIGINT        tokens, of all kinds
-- column:  cost_nano_usd   BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  share_percent   DECIMAL(5,2)  percent, of the known cost of the rows of the tag; NULL when that is 0 or unknown
-- reads:   usage_record
-- chart:   x=tag_value y=cost_nano_usd
WITH combination AS (
    SELECT
        tags,
        SUM(calls) AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0) AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens) AS tokens,
        SUM(cost_nano_usd) AS cost_nano_usd
    FROM usage_record
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
    GROUP BY tags
),
tagged AS (
    SELECT
        UNNEST(CASE WHEN $tag::VARCHAR IS NULL THEN map_keys(tags) ELSE [$tag] END) AS tag,
        tags,
        calls,
        unpriced_calls,
        tokens,
        cost_nano_usd
    FROM combination
),
spent AS (
    SELECT
        tag,
        tags[tag] AS tag_value,
        SUM(calls)::BIGINT AS calls,
        SUM(unpriced_calls)::BIGINT AS unpriced_calls,
        SUM(tokens)::BIGINT AS tokens,
        CASE WHEN SUM(calls) > SUM(unpriced_calls) THEN SUM(cost_nano_usd) END::BIGINT AS cost_nano_usd
    FROM tagged
    GROUP BY ALL
    HAVING SUM(calls) > 0
)
SELECT
    tag,
    tag_value,
    calls,
    unpriced_calls,
    tokens,
    cost_nano_usd,
    CAST(100 * (cost_nano_usd / NULLIF(SUM(cost_nano_usd) OVER (PARTITION BY tag), 0)) AS DECIMAL(5, 2))
        AS share_percent
FROM spent
ORDER BY tag, cost_nano_usd DESC NULLS LAST, tag_value NULLS LAST;
