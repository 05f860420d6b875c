"""Who edits pictures: adapters that translate one task to one vendor, and what guards every one of them."""
