"""Networks on packed spikes, by rules that prove what they take; what no rule takes runs as `runtime/network/generic.py` does."""
