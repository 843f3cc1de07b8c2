"""How answers and failures are written, one file for each wire. Nothing here decides what to answer."""
