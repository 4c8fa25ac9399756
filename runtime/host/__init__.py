"""What stays on the host: text to spikes, and what was read to logits and labels."""
