"""The picture formats, one module each: reading the header, and cutting metadata out where that costs no quality.

Nothing here decodes a pixel or trusts a length. Every loop has a bound, so that no file can hold up the event loop.
A header that ends too early may raise `struct.error` or `IndexError` beside `HeaderError`; `inspection` catches all.
"""
