"""The provider's own figures, as files say them: pure parsers, strict, exact, with the place of whatever is wrong."""
