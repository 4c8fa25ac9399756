"""Networks on packed spikes, by rules that prove what they take; what no rule takes runs as `runtime/executors/generic/run.py` does."""
