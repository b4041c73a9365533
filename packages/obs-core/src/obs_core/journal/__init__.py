"""The journal: append-only records of each process that takes part in an execution."""
