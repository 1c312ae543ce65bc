"""How much of what can be found does the attack find?"""
