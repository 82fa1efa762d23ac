-- Sound, pictures, video and more fees are counted apart; their prices are not those of text (PRC-8). Where a provider
-- states its cost, what the price books make of it stands next to it; a cost may be a lower bound (PRC-9).

ALTER TABLE usage_record ADD COLUMN input_audio_tokens BIGINT DEFAULT 0; -- all disjoint, as the other counts
ALTER TABLE usage_record ADD COLUMN input_image_tokens BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN input_video_tokens BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN cache_read_audio_tokens BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN cache_read_image_tokens BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN output_audio_tokens BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN output_image_tokens BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN output_video_tokens BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN file_search_requests BIGINT DEFAULT 0;
ALTER TABLE usage_record ADD COLUMN code_containers BIGINT DEFAULT 0;    -- containers of a code interpreter
ALTER TABLE usage_record ADD COLUMN computed_cost_nano_usd BIGINT;       -- by the price books, where source is provider
ALTER TABLE usage_record ADD COLUMN at_least BOOLEAN DEFAULT false;      -- the cost is a lower bound

ALTER TABLE usage_record ALTER input_audio_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER input_image_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER input_video_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER cache_read_audio_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER cache_read_image_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER output_audio_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER output_image_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER output_video_tokens SET NOT NULL;
ALTER TABLE usage_record ALTER file_search_requests SET NOT NULL;
ALTER TABLE usage_record ALTER code_containers SET NOT NULL;
ALTER TABLE usage_record ALTER at_least SET NOT NULL;
