"""The vocabulary that both frameworks and all protocols share. Imports msgspec and nothing else of ours."""
