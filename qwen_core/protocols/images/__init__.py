"""The APIs that generate images and videos: one body for the newer families, an older one, and one for videos.

Sources: the references of Qwen-Image 3.0 and earlier, Wan 2.7 image, text-to-image V2 and Wan 3.0 video.
"""
