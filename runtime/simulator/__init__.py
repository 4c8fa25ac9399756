"""Two executors of one program: `reference` is literal, `fast` recognises structure. They must be equal."""
