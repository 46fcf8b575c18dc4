"""Simulated engines with stated latencies, for benchmarks and tests."""
