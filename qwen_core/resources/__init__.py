"""What a client offers: chat, embeddings, rerank, files, uploads and batch jobs."""
