"""Speech-to-text with faster-whisper for vivavoce."""
