"""What corvus says to programs: each public object described once, with its members."""
