"""The papers' own networks, and small ones for quick runs."""
