-- No tag asked for: only calls with tags; one with two tags counts under both.
-- team: red 3.00 + 1.00 = 4, blue 1 USD, of 5: 80 % and 20 %
-- env: prod 1 + 1 = 2 USD, of 2: 100 %; dev has no price, so it is unknown and last
-- The call without tags, and the one taken back, have no row.
INSERT INTO usage_record (calls, admitted_at, tags, input_tokens, cost_nano_usd)
VALUES
    (1, '2026-04-01', MAP {'team': 'red'}, 1, 3_000_000_000),
    (1, '2026-04-02', MAP {'team': 'red', 'env': 'prod'}, 2, 1_000_000_000),
    (1, '2026-04-03', MAP {'env': 'prod', 'team': 'blue'}, 4, 1_000_000_000),
    (1, '2026-04-04', MAP {'env': 'dev'}, 8, NULL),
    (1, '2026-04-05', NULL, 16, 7_000_000_000),
    (1, '2026-04-06', MAP {'env': 'gone'}, 32, 7_000_000_000),
    (-1, '2026-04-06', MAP {'env': 'gone'}, -32, -7_000_000_000);
