"""Problems in a document as data, built once and rendered many ways."""
