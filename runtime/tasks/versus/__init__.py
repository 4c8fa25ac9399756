"""Two models on the same examples: who is better, by how much, how surely, and what each costs."""
