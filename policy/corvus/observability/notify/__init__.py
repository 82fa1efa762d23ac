"""Sends what the store keeps for people to webhooks and to apprise (OBS-4), on no call's path."""
