"""The intermediate graph: frozen records in execution order."""
