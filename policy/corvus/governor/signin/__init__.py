"""Log-ins of clients: how they are granted, renewed and ended, and for whom."""
