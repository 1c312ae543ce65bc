"""Which of the paper's conclusions survive a stronger attack?"""
