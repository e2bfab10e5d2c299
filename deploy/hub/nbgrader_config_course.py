# For the course's own account: collecting, the formgrader, releasing. Filled in by classroom.py.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "{course}"
c.CourseDirectory.root = "{root}"
c.CourseDirectory.source_directory = "source"
c.CourseDirectory.release_directory = "release"
c.Exchange.root = "{exchange}"
# Only plain files that belong to the learner who claims them.
c.ExchangeFactory.collect = "autograder.jupyter.collect.CollectOwnWork"
c.Execute.timeout = 60  # seconds for a cell, for `autograder grade`, too
# What late work loses stands in the course's autograder.json.
c.AssignLatePenalties.plugin_class = "autograder.course.nbgrader_plugin.CourseDeadlines"
# `nbgrader generate_feedback` makes the page that `autograder grade` makes, which everybody can read.
c.GenerateFeedback.exporter_class = "autograder.grading.nbgrader_feedback.FeedbackPages"
