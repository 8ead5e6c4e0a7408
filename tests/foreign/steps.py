"""Steps of a foreign client, told a line each, as run.mjs does."""

import sys
import traceback

failures = 0


def step(name):
    """Runs what it decorates at once, as a step."""

    def run(body):
        global failures
        try:
            body()
            print(f"ok    {name}", flush=True)
        except Exception:  # a step that fails is told, the rest goes on
            failures += 1
            text = traceback.format_exc().rstrip().replace("\n", "\n      ")
            print(f"FAIL  {name}\n      {text}", flush=True)
        return body

    return run


def end():
    """Ends the program: 1 where a step failed."""
    sys.exit(1 if failures else 0)
