"""Back to where the hand-ins came from: feedback as files, grades by a learning management system's own interface."""
