"""Backs up the store and the ledger of one place together while calls go on, and restores them.

A backup is a folder that is there whole or not at all, with the hash of each of its files. It is of
one instant: the ledger is held still while the store is copied, so that no event is missing between
the two, and none counts twice (LED-6). A store that hosts share is no part of it.
"""
