"""What a device host does from a shell, one file a command: its options beside its action. `table.py` names them."""
