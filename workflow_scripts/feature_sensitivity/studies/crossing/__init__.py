"""At which epsilon do the sensitivities of two models cross?"""
