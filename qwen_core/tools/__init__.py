"""Tools in the form that both frameworks speak, and the calls of them: definitions, names, arguments, ids."""
