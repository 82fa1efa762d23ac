"""Exports of vendors, proxies and observability tools, and hosts' own logs: a format each."""
