"""The receiver of what coding agents report of their own calls, over OTLP/HTTP (PRX-9)."""
