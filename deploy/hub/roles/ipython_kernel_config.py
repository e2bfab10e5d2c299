# For every kernel of the class: where AUTOGRADER_GPU_MEMORY_MB is set, TensorFlow takes no more of a GPU than that.
# And what a notebook imports is imported while its learner still reads.
# Lies in etc/ipython/ of the environment that kernels run in.
c = get_config()  # noqa: F821
c.IPKernelApp.extensions = ["autograder.learner.device", "autograder.learner.ahead"]
