-- What providers bill, next to what was recorded (REC-1). None of it is usage: no report of spend and no budget counts
-- it. A newer export of a day stands in the place of an older one, whose rows are removed.

CREATE TABLE provider_charge (
    day                  DATE      NOT NULL, -- UTC, the bucket of the bill
    provider             VARCHAR   NOT NULL, -- who bills, by the name of the price books
    model                VARCHAR,            -- by the name of the price books, else as billed; NULL: of no model
    billed_model         VARCHAR,            -- as billed
    kind                 VARCHAR   NOT NULL, -- kind of token or fee; usage (all kinds), tokens, prompt, completion; or
                                             -- fee, tax, credit
    service_tier         VARCHAR,            -- NULL: the usual one
    context_tokens       BIGINT    NOT NULL, -- a context with the rates of the charge; 0: a short one
    is_kept_in_us        BOOLEAN   NOT NULL, -- whether it has the surcharge for that
    project              VARCHAR,            -- project or workspace of the bill
    label                VARCHAR   NOT NULL, -- the bill's words, where model and kind leave something unsaid
    amount_nano_usd      BIGINT,             -- to be paid, negative for a credit; NULL: the bill has counts alone
    list_amount_nano_usd BIGINT,             -- before discounts; NULL: not stated
    quantity             BIGINT,             -- tokens or uses; NULL: not stated
    requests             BIGINT,             -- calls; NULL: not stated
    form                 VARCHAR   NOT NULL, -- such as anthropic-cost
    grouped_by           VARCHAR   NOT NULL, -- what the report was divided by
    covers_through       DATE      NOT NULL, -- last day of the file
    source               VARCHAR   NOT NULL, -- SHA-256 of the file, and number of its page
    source_file          VARCHAR   NOT NULL, -- its name
    read_at              TIMESTAMP NOT NULL  -- UTC
);

-- Which names mean which model of provider_charge, as they were when a bill was last read.
CREATE TABLE charge_model (
    provider VARCHAR NOT NULL,
    name     VARCHAR NOT NULL, -- as a call of the ledger or a bill has it
    model    VARCHAR NOT NULL  -- as provider_charge has it
);

-- What was found each time; append-only. Amounts are of the days compared.
CREATE TABLE reconciliation (
    reconciled_at   TIMESTAMP NOT NULL, -- UTC
    provider        VARCHAR   NOT NULL,
    first_day       DATE      NOT NULL,
    last_day        DATE      NOT NULL,
    days            BIGINT    NOT NULL, -- how many were compared
    billed_nano_usd BIGINT,             -- NULL: the bill has counts alone
    list_nano_usd   BIGINT,             -- before discounts
    ours_nano_usd   BIGINT    NOT NULL, -- recorded
    low_nano_usd    BIGINT    NOT NULL, -- of it what is no estimate
    high_nano_usd   BIGINT,             -- NULL: open, as costs are unknown or lower bounds
    gap_nano_usd    BIGINT,             -- billed less recorded
    causes          MAP(VARCHAR, BIGINT) NOT NULL, -- the gap by cause, nano-USD
    is_within       BOOLEAN   NOT NULL  -- whether the gap was within the tolerance
);
