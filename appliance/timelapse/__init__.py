"""Which frames to keep, and the video made of them."""
