"""The nouns of the product and the decisions about them: pure values and functions, no I/O."""
