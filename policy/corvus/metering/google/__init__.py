"""Google's wire: contents of parts, streams of events and of one array, usage by modality."""
