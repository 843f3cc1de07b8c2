"""A request as the model, the mode or the server that it goes to can take it. What is changed is warned of."""
