"""Telemetry of corvus: the log and OpenTelemetry, from events of the governor (OBS)."""
