"""What the local provider can do to a picture, one small value per instruction; all of it plain Pillow."""
