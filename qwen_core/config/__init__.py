"""How the service is reached: endpoints, settings, timeouts, and which kind of server answers."""
