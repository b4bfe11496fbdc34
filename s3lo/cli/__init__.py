"""The command line: parses, makes one library call, renders. Only this package prints or exits."""
