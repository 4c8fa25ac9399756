"""What runs scheduled networks: one interface, one table."""
