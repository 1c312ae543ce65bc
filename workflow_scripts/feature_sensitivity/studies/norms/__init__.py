"""Does the norm of the attack explain the failure of the robust dataset?"""
