"""Tasks: decorated functions whose calls are recorded and reported on."""
