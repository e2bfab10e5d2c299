# For learners' and instructors' own servers: fetching, checking, handing in. The image has it.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "keras"
c.Exchange.root = "/srv/exchange"
# Which courses somebody is in: the Hub's groups nbgrader-COURSE and formgrade-COURSE say it.
c.Authenticator.plugin_class = "nbgrader.auth.JupyterHubAuthPlugin"
c.ExecutePreprocessor.timeout = 300  # seconds a cell, for the Validate button: training takes its time
c.Execute.timeout = 300
