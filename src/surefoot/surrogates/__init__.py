"""The room `surrogates`. Can a fast model stand in for the simulator, and who checked?

Declare the simulator and the space of its inputs, run it so that nothing is lost, compare many
kinds of surrogates on one table of folds, score them on the task they are meant for, and hand over
a card whose numbers were computed and can be computed again by somebody else.
"""
