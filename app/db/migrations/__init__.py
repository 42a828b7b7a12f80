"""One set of migrations for both databases: a table in one migration, its indexes as plain SQL in a later one."""
