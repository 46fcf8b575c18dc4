"""The embedded language model on OpenVINO, for vivavoce."""
