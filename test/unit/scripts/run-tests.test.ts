import { expect, test } from "vitest";
import { countPytest, countVitest } from "../../../scripts/testing/run-tests.mjs";

test("countVitest() counts a file that does not load as one failure when no test of it ran", () => {
  const report = {
    testResults: [
      { status: "failed", assertionResults: [] },
      {
        status: "failed",
        assertionResults: [
          { status: "passed", fullName: "a" },
          { status: "failed", fullName: "b" },
          { status: "skipped", fullName: "c (needs browser)" },
        ],
      },
    ],
  };

  expect(countVitest(report)).toEqual({ passed: 1, failed: 2, skipped: ["c (needs browser)"] });
});

test("countVitest() counts nothing when there is no report", () => {
  expect(countVitest(undefined)).toEqual({ passed: 0, failed: 0, skipped: [] });
});

test("countPytest() leaves skipped tests out of the passed ones when the report has some", () => {
  const xml =
    '<?xml version="1.0"?><testsuites><testsuite name="pytest" errors="1" failures="2" skipped="1" tests="10" time="1.0">' +
    '<testcase classname="t" name="test_gpu" time="0"><skipped type="pytest.skip" message="no GPU" /></testcase></testsuite></testsuites>';

  expect(countPytest(xml)).toEqual({ passed: 6, failed: 3, skipped: ["test_gpu"] });
});
