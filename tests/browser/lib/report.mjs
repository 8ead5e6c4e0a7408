// Counts steps and prints one line for each.

/** What a run has seen so far. */
export class Report {
  passed = 0;
  failed = 0;

  /** With `only`, journeys whose name does not contain it are left out. */
  constructor(only) {
    this.only = only;
  }

  /**
   * Runs the steps of a journey in order: [name, async function] each. After a failed step the rest is not reached and
   * counts as failed.
   */
  async journey(name, steps, atFailure = async () => {}) {
    if (this.only && !name.includes(this.only)) return;
    let broken = false;
    for (const [step, run] of steps) {
      if (broken) {
        this.line(false, name, step, "not reached");
        continue;
      }
      const began = Date.now();
      try {
        await run();
        this.line(true, name, step, `${Date.now() - began} ms`);
      } catch (error) {
        broken = true;
        this.line(false, name, step, error.stack ?? String(error));
        await atFailure(step);
      }
    }
  }

  line(good, name, step, note) {
    if (good) this.passed += 1;
    else this.failed += 1;
    console.log(`${good ? "ok  " : "FAIL"} ${name}: ${step} (${note})`);
  }

  broken(error) {
    this.line(false, "harness", "runs to its end", error.stack ?? String(error));
  }

  /** Prints the sum; gives the exit code. */
  end() {
    if (this.passed + this.failed === 0) this.broken(new Error("no journey was run"));
    console.log(`Journeys: ${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 ? 0 : 1;
  }
}
