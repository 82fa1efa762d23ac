"""The proxy of provider APIs: who calls, where it goes, and its bytes."""
