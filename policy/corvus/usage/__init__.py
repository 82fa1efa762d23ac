"""Usage from elsewhere and to elsewhere: importers and exporters."""
