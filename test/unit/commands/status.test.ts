import { expect, test } from "vitest";
import { type StatusView, showStatus } from "#commands/status.ts";
import { recordingOutput } from "./recording-output.ts";

const VIEW: StatusView = {
  server: { url: "http://127.0.0.1:3000", version: "0.1.0", model: "SmolLM2" },
  platforms: [
    { platform: "local", isOn: true, why: "on" },
    { platform: "slack", isOn: false, why: "off: set SLACK_BOT_TOKEN in .env" },
  ],
  training: "available",
  domains: [
    { domain: "legal", light: "green", progress: 1, active: "0123456789abcdef" },
    { domain: "support", light: "red", progress: 0.25, active: null },
  ],
  runs: [{ id: "run-1", domain: "legal", state: "activated", verdict: "Grade B" }],
};

test("showStatus() says what runs where, which platforms are on, and why the others are not", () => {
  const { output, printed } = recordingOutput();

  showStatus(VIEW, { isJson: false }, output);

  expect(printed).toEqual([
    "● running at http://127.0.0.1:3000, version 0.1.0, model SmolLM2",
    "  ● local    on",
    "  ○ slack    off: set SLACK_BOT_TOKEN in .env",
    "  training: available",
    "  ✅ legal      ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ 100 %  answered by adapter 0123456789ab",
    "  🔴 support    ▓▓▓▓▓░░░░░░░░░░░░░░░  25 %  answered by base model",
    "  run-1 legal activated: Grade B",
  ]);
});

test("showStatus() calls no platform on while nothing runs", () => {
  const { output, printed } = recordingOutput();

  showStatus({ ...VIEW, server: undefined }, { isJson: false }, output);

  expect(printed[0]).toContain("not running");
  expect(printed[1]).toBe("  ○ local    on when it runs");
});

test("showStatus() prints JSON and nothing else for scripts", () => {
  const { output, json } = recordingOutput();

  showStatus({ ...VIEW, server: undefined }, { isJson: true }, output);

  expect(json()).toEqual({ ...VIEW, server: null });
});
