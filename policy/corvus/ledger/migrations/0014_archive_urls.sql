-- The archive may lie at a URL, such as s3://bucket/prefix (LED-4). The column file of ledger_archive then has all of the
-- URL; else, as before, the name of a file in the folder <ledger>.archive.

ALTER TABLE ledger_archive ADD COLUMN size_bytes BIGINT; -- of the file; NULL for those of older versions
ALTER TABLE ledger_archive ADD COLUMN entry VARCHAR;     -- of a URL: name of what its manifest says of the file
ALTER TABLE ledger_archive ADD COLUMN tail BLOB;         -- of a URL: the last bytes, which say what months and columns
                                                         -- are in the file, so that it is only fetched when needed

-- The archives that this ledger writes to. An archive knows its id, too, so that no other ledger writes to it.
CREATE TABLE archive_place (
    url        VARCHAR   NOT NULL, -- without a slash at its end
    archive_id UUID      NOT NULL,
    noted_at   TIMESTAMP NOT NULL
);

-- Files that are to be removed unless ledger_archive or a manifest names them: noted before their first byte is written.
CREATE TABLE archive_leftover (
    file     VARCHAR   NOT NULL, -- URL
    noted_at TIMESTAMP NOT NULL
);
