"""A shadow policy: what another policy would do with the calls that this one admits (PLN-2).

It refuses nothing and changes nothing about a call. A call that the shadow would not let pass as it
is carries a mark, one more tag, into its reservation and its records. All else follows from budgets
that count such calls as others count theirs: sums that last, are shared, are reset and can be
counted again from the ledger (STO-2).
"""
