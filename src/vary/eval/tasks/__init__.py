"""The tasks of evaluation, one file each."""
