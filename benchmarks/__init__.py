"""How fast SAR is here, beside its peers: ratios inside one run. `make bench-peers`, `make bench-check`."""
