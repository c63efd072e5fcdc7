"""``python -m monitor`` is ``driftline``."""

from monitor.cli import main

if __name__ == "__main__":
    main(prog_name="driftline")
