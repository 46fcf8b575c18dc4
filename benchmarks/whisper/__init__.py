"""Our Whisper pass against faster-whisper's own. Run by `benchmarks/whisper/run`."""
