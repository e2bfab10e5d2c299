# The course's folder on Kubernetes: copy it to /srv/course/keras/nbgrader_config.py in the course's pod.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "keras"
c.CourseDirectory.root = "/srv/course/keras"
c.CourseDirectory.source_directory = "source"
c.CourseDirectory.release_directory = "release"
c.Exchange.root = "/srv/exchange"
c.ExchangeFactory.collect = "autograder.jupyter.collect.CollectOwnWork"
c.CollectOwnWork.inbound_by_learner = True  # every learner is uid 1000: the mounted folder says whose work it is
c.Execute.timeout = 60  # seconds for a cell, for `autograder grade`, too
# What late work loses stands in the course's autograder.json.
c.AssignLatePenalties.plugin_class = "autograder.course.nbgrader_plugin.CourseDeadlines"
# `nbgrader generate_feedback` makes the page that `autograder grade` makes, which everybody can read.
c.GenerateFeedback.exporter_class = "autograder.grading.nbgrader_feedback.FeedbackPages"
