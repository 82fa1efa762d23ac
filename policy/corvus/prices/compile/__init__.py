"""Makes a price book of the prices that others publish (PRC-10).

Nothing here is imported by a call, a check or a reservation, and nothing here runs or imports the
package whose prices it reads: ``records`` says what it may hold, and ``reading`` reads its text.
"""
