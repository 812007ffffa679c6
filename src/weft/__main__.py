"""`python -m weft` is the `weft` command."""

from weft.cli.main import entry_point

if __name__ == "__main__":
    entry_point()
