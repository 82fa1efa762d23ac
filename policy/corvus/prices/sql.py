"""Rounds in SQL as prices are rounded in Python (PRC-6)."""

from __future__ import annotations


def half_even(numerator: str, denominator: int) -> str:
    """Write SQL that divides a HUGEINT >= 0, rounding half to even (PRC-6); NULL beyond BIGINT."""
    half = denominator // 2
    return (
        f"TRY_CAST({numerator} // {denominator} + CASE "
        f"WHEN {numerator} % {denominator} > {half} THEN 1 "
        f"WHEN {numerator} % {denominator} = {half} "
        f"AND {numerator} // {denominator} % 2 = 1 THEN 1 "
        "ELSE 0 END AS BIGINT)"
    )
