"""Records: usage of programs without OpenTelemetry, one JSON object a record (POST /api/v1/usage/records)."""
