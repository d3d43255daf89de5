import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { programDirectory } from "#config/load.ts";
import { settingKeys } from "#config/settings.ts";
import { namedVariables, variableOf } from "#config/variables.ts";
import { documentSettings } from "../../fixtures/config/document-settings.ts";

const page = documentSettings(readFileSync(join(programDirectory, "config", "default.yaml"), "utf8"));

test("docs/configuration.md says what config/default.yaml says when read today", async () => {
  await expect(page).toMatchFileSnapshot(join(programDirectory, "docs", "configuration.md"));
});

test("docs/configuration.md gives every setting a meaning and what it accepts when read today", () => {
  const incomplete = settingKeys.filter(
    (key) => !new RegExp(`^\\| ${key.replace(".", "\\.")} \\| \\S[^|]+ \\| \\S[^|]+ \\|`, "m").test(page),
  );

  expect(incomplete).toEqual([]);
});

test(".env.example names only variables that exist when copied", () => {
  const text = readFileSync(join(programDirectory, ".env.example"), "utf8");
  const names = [...text.matchAll(/^(?:# ?)?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name ?? "");
  const known = new Set([...namedVariables.keys(), ...variableOf.values()]);

  expect(names.filter((name) => !known.has(name))).toEqual([]);
  expect([...namedVariables.keys()].filter((name) => !names.includes(name))).toEqual([]);
});
