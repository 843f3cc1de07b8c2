"""What both frameworks' adapters do alike: fields, tool definitions, arguments, call ids, token counting."""
