"""What corvus tells about itself: the log and OpenTelemetry, from events of the governor (OBS)."""
