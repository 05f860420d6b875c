"""The tests; the folders mirror the promises: unit, contract, integration, fault."""
