/** The tests of the text, each with its trace; and what the verifier says. */
import { block, element } from "../dom";
import { Panel, type Page } from "../panel";

export class RunPanel extends Panel {
  readonly id = "run";
  readonly title = "Run";

  constructor(page: Page) {
    super(page);
    this.go("Run the tests");
    this.note("Runs the tests of the text, op by op, with the values before and after.");
  }

  async act(): Promise<void> {
    const answer = await this.ask("run", {}, true);
    if (!answer) return;
    if (answer.tests.length === 0) {
      this.note("The text has no tests. A test is written: test \"one\" { cpu 1; run bump(5) -> 0; assert counter == 5 }");
      return;
    }
    const failed = answer.tests.filter((each: any) => !each.passed).length;
    this.result.replaceChildren(element("p", { class: failed ? "bad" : "good" }, `${answer.tests.length - failed} passed, ${failed} failed`));
    for (const test of answer.tests) {
      const folded = element("details", { class: "run" },
        element("summary", {}, element("span", { class: `word ${test.passed ? "good" : "bad"}` }, test.passed ? "passed" : "failed"), ` ${test.name}`),
        block(test.text));
      folded.open = !test.passed || answer.tests.length === 1;
      this.result.append(folded);
    }
  }
}

export class VerifyPanel extends Panel {
  readonly id = "verify";
  readonly title = "Verify";

  constructor(page: Page) {
    super(page);
    this.go("Verify");
    this.note("Says what the kernel would refuse, what deserves a second look, whether a vector may also be a restartable section, and what it costs.");
  }

  async act(): Promise<void> {
    const answer = await this.ask("verify");
    if (answer) this.result.replaceChildren(block(answer.text));
  }
}
