"""one data set a file, real and generated, and a catalog of them. Not here: anything that knows a model."""
