"""SQL and blobs: what is kept, and nothing else."""
