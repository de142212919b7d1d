"""Lets `python -m docdex` be the command, where scripts are not on the path."""

from docdex.cli import main

if __name__ == "__main__":
    main(prog_name="docdex")
