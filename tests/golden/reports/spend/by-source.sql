-- 8 calls, of which one was corrected. Known cost: 1 + 3 + 4 = 8 USD.
-- imported: 4 calls, 50 %, of which 1 without a price, 25 %, and 2 with a cost that is a lower bound; the one without a
-- price is unknown, whatever else is said of it; 1 USD, 12.5 %
-- priced: 2 calls, 25 %; 3 USD, 37.5 %: one was presumed to cost 9, taken back, and then known
-- presumed: 1 call, 12.5 %; 4 USD, 50 %: its lower bound was taken back with it
-- unknown: 1 call, 12.5 %, without a price: 100 %; cost and share unknown; after presumed by its name
INSERT INTO usage_record (calls, admitted_at, source, input_tokens, cost_nano_usd, at_least)
VALUES
    (1, '2026-04-01', 'imported', 1, 500_000_000, true),
    (1, '2026-04-01', 'imported', 1, 250_000_000, true),
    (1, '2026-04-01', 'imported', 1, 250_000_000, false),
    (1, '2026-04-01', 'imported', 1, NULL, true),
    (1, '2026-04-02', 'presumed', 0, 9_000_000_000, true),
    (-1, '2026-04-02', 'presumed', 0, -9_000_000_000, true),
    (1, '2026-04-02', 'priced', 2, 2_000_000_000, false),
    (1, '2026-04-02', 'priced', 2, 1_000_000_000, false),
    (1, '2026-04-03', 'presumed', 0, 4_000_000_000, false),
    (1, '2026-04-03', 'unknown', 7, NULL, false);
