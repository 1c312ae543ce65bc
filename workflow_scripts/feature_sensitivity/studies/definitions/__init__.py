"""Do the conclusions depend on the definition of sensitivity?"""
