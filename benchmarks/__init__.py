"""How many purchases a second: measured against raw SQL, a request that does nothing, and growth.

``make bench`` runs it; docs/explanation/performance.md says what it shows and what it found.
"""
