"""What people see and press: pages, charts, exports and the `modelfolio` command."""
