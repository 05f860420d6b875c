"""Pictures: headers read in place, pixels decoded, edited and encoded by worker processes that may die of them."""
