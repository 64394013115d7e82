"""The first-boot wizard: what is asked in which order, and what becomes of the answers."""
