"""Charts: a picture -> the python-dict of its title, names and values.

Texts are found in the pixels and read by the vocabulary; which of them is a title, a name, a value,
a tick or an entry of the legend follows from where they stand and how their numbers are formed.
"""
