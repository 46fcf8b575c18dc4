"""Has the speaker finished, judged from melody, rhythm and level of the last two seconds."""
