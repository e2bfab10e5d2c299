// Takes the place of the theme's file of this name, on purpose. That one holds 2,000 icons as drawings: 1.5 MB, half of what a
// lesson weighs. The theme's style sheet draws the dozen that it uses from its font, so nothing is missing.
