"""Tools as both frameworks give them, and the calls of them: definitions, schemas, names, arguments, ids."""
