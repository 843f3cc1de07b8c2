"""Encode and decode speech: recognition by four APIs, synthesis by two. Pure.

Which API a model has is in the catalog (``media_api``). Sources: the API references of Qwen-ASR, Qwen-Audio ASR,
Fun-ASR, Qwen-TTS and CosyVoice (protocol document "speech").
"""
