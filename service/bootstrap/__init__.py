"""The composition: every object is built here, once, and handed on. Nothing below knows anybody by itself.

`capabilities` turns settings into what implements the ports, `service` joins the use cases over them, `serving` runs
the process.
"""
