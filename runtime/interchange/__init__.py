"""What others read of our programs."""
