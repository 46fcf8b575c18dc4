"""VoXtream text-to-speech for vivavoce."""
