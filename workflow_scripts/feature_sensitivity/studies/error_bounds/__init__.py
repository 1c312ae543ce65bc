"""What do sensitivities say about the robust error?"""
