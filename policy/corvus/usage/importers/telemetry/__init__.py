"""OpenTelemetry as it is found in files: shapes of exporters, names of attributes, counts of calls.

Knows no file and no ledger; ``corvus.usage.importers.otel`` makes the records.
"""
