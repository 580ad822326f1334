"""LLM usage: what the provider counted, as disjoint kinds of tokens."""
