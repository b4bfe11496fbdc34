"""The performance suite: this project against what a user could take instead, in one run."""
