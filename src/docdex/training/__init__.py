"""Make the model files that the rest of docdex reads; the only room that imports torch."""
