"""The served surface: guards, admin API and, mounted beside them, the proxy; it decides nothing."""
