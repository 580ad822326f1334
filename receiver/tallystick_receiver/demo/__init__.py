"""The demo: a log platform metered at six sites, a receiver beside it, and the proof that both halves match."""
