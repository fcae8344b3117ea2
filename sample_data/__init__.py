"""The shipped example portfolio and the script that builds it."""
