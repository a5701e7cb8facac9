"""Does a vocabulary help or harm a model, and which one cannot see a user's pages?"""
