"""The work: submit, run, report progress, cancel."""
