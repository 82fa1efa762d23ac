"""The columns of "Cost and Usage" in each version of FOCUS that can be written: one table.

Source: FOCUS Specification v1.2 to v1.4, the table of columns of "Cost and Usage"
    (https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec), read 2026-11-28.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VERSIONS = ("1.4", "1.3", "1.2")
"""What ``--focus-version`` takes, the default first."""


class Level(StrEnum):
    """Whether a column must be there."""

    MANDATORY = "mandatory"
    CONDITIONAL = "conditional"
    RECOMMENDED = "recommended"


@dataclass(frozen=True, slots=True)
class FocusColumn:
    """One column of the specification.

    Attributes:
        allows_null: Whether a row may leave it empty.
        type: ``String``, ``Decimal``, ``Date/Time`` or ``JSON``.
        versions: The versions that have it.
    """

    name: str
    level: Level
    allows_null: bool
    type: str
    versions: tuple[str, ...] = VERSIONS


_LEVELS = {"M": Level.MANDATORY, "C": Level.CONDITIONAL, "R": Level.RECOMMENDED}
_TYPES = {"S": "String", "D": "Decimal", "T": "Date/Time", "J": "JSON"}
_SINCE = {"": VERSIONS, "1.3": ("1.4", "1.3"), "1.4": ("1.4",), "-1.3": ("1.3", "1.2")}
_TABLE = """
AllocatedMethodDetails R null J 1.3
AllocatedMethodId C null S 1.3
AllocatedResourceId C null S 1.3
AllocatedResourceName C null S 1.3
AllocatedTags C null J 1.3
AvailabilityZone R null S
BilledCost M value D
BillingAccountId M value S
BillingAccountName M null S
BillingAccountType C value S
BillingCurrency M value S
BillingPeriodEnd M value T
BillingPeriodStart M value T
CapacityReservationId C null S
CapacityReservationStatus C null S
ChargeCategory M value S
ChargeClass M null S
ChargeDescription M null S
ChargeFrequency R value S
ChargePeriodEnd M value T
ChargePeriodStart M value T
CommitmentDiscountCategory C null S
CommitmentDiscountId C null S
CommitmentDiscountName C null S
CommitmentDiscountQuantity C null D
CommitmentDiscountStatus C null S
CommitmentDiscountType C null S
CommitmentDiscountUnit C null S
CommitmentProgramEligibilityDetails C null J 1.4
ConsumedQuantity C null D
ConsumedUnit C null S
ContractApplied C null J 1.3
ContractedCost M value D
ContractedUnitPrice C null D
EffectiveCost M value D
HostProviderName M value S 1.3
InvoiceDetailId C null S 1.4
InvoiceId R null S
InvoiceIssuerName M value S
ListCost M value D
ListUnitPrice C null D
PricingCategory C null S
PricingCurrency C null S
PricingCurrencyContractedUnitPrice C null D
PricingCurrencyEffectiveCost C null D
PricingCurrencyListUnitPrice C null D
PricingQuantity M null D
PricingUnit M null S
ProviderName M value S -1.3
PublisherName M value S -1.3
RegionId C null S
RegionName C null S
ResourceId C null S
ResourceName C null S
ResourceType C null S
ServiceCategory M value S
ServiceName M value S
ServiceProviderName M value S 1.3
ServiceSubcategory R value S
SkuId C null S
SkuMeter C null S
SkuPriceDetails C null J
SkuPriceId C null S
SubAccountId C null S
SubAccountName C null S
SubAccountType C null S
Tags C null J
"""


def _column(line: str) -> FocusColumn:
    name, level, value, kind, *since = line.split()
    return FocusColumn(
        name, _LEVELS[level], value == "null", _TYPES[kind], _SINCE[since[0] if since else ""]
    )


FOCUS_COLUMNS = tuple(map(_column, _TABLE.strip().splitlines()))
"""Every column of any version, in the order of a file."""


def columns_of(version: str) -> tuple[FocusColumn, ...]:
    """Return the columns of a version of ``VERSIONS``, in the order of a file."""
    return tuple(column for column in FOCUS_COLUMNS if version in column.versions)
