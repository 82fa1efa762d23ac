-- Which files were imported, and how much of each (IMP-1), so that what was read is not read again. Append-only: the
-- newest row of a file or of a content holds. Since this version reservation and import also keep each price anew whose
-- rates have changed under the same name of its entry; what an import used has the store
-- 00000000-0000-0000-0000-000000000000.
CREATE TABLE import_file (
    imported_at  TIMESTAMP NOT NULL, -- when it was looked for
    file         VARCHAR   NOT NULL, -- absolute path
    format       VARCHAR   NOT NULL, -- such as claude-code
    settings     VARCHAR   NOT NULL, -- hash of the options and of the version of the reader
    prices       VARCHAR   NOT NULL, -- hash of all prices then in force
    size_bytes   BIGINT    NOT NULL, -- of the file
    modified_ns  BIGINT    NOT NULL, -- nanoseconds since 1970, as the file system has it
    read_bytes   BIGINT    NOT NULL, -- up to the end of its last whole line
    read_lines   BIGINT    NOT NULL, -- in these bytes
    head_hash    VARCHAR   NOT NULL, -- SHA-256 of their first line, 4,096 bytes at most, hexadecimal
    content_hash VARCHAR   NOT NULL  -- SHA-256 of all of them, hexadecimal
);
