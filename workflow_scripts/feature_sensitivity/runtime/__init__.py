"""What any program that computes for hours needs; nothing here knows of networks, images or features."""
