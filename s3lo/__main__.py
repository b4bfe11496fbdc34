"""``python -m s3lo`` is the ``s3lo`` command."""

from s3lo.cli.main import main

if __name__ == "__main__":
    main()
