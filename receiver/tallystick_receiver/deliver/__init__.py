"""Events leave: to webhooks, to Slack, by e-mail."""
