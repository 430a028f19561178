"""The history of the tables, run at start by store.database.migrate."""
