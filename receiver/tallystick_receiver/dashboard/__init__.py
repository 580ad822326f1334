"""The dashboard: static pages, and a session for whoever signs in. All figures come from the API."""
