"""What a call that is over cost: as it is stated, computed or bounded."""
