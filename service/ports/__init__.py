"""Every seam of the service, one page each: what a use case asks of the outside world."""
