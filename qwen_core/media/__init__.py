"""Pictures, video, sound and documents on their way into a request, and speech on its way out of an answer."""
