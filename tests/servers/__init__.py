"""Real servers that the tests talk to: vendors, stores, receivers."""
