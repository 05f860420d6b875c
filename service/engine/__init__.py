"""The engine for one process: an asyncio loop over due work in the ledger's database."""
