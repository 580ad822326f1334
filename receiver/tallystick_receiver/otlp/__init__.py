"""OTLP/HTTP: from bytes to admitted points, and the answers."""
