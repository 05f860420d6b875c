"""HTTP towards hosts that callers name: the address guard, the client behind it, and the picture fetcher."""
