"""Can a new last layer make the normal model robust?"""
