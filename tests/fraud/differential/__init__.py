"""Two engines for one language must say the same: it is what keeps the way to another one open."""
