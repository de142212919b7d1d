"""The study on images: the losses that docdex might train by, beside the one it trains by."""
