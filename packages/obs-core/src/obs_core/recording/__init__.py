"""What runs, while it runs: spans, tasks, executions, and what they leave in the journal."""
