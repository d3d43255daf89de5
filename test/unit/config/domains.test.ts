import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDomains } from "#config/domains.ts";
import { ConfigInvalidError } from "#core/errors.ts";

function fileWith(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "reactune-domains-")), "domains.yaml");
  writeFileSync(path, text);
  return path;
}

test("readDomains() joins the languages when words are listed by language", () => {
  const path = fileWith(
    "domains:\n  support:\n    description: Orders\n    keywords:\n      en: [refund]\n      pt: [reembolso]\n    examples: [Where is my order?]\n",
  );

  expect(readDomains(path)).toEqual([
    { id: "support", description: "Orders", keywords: ["refund", "reembolso"], examples: ["Where is my order?"] },
    { id: "general", description: "Everything else", keywords: [], examples: [] },
  ]);
});

test.each([
  ["domains:\n  Big Name:\n    description: x\n", /domain's name/],
  ["domains:\n  a:\n    descripton: x\n", /domains.a/],
  ["subjects: {}\n", /domains/],
  ["domains: [\n", /cannot be read as YAML/],
])("readDomains() refuses the file when it is %j", (text, message) => {
  expect(() => readDomains(fileWith(text))).toThrow(ConfigInvalidError);
  expect(() => readDomains(fileWith(text))).toThrow(message);
});

test("readDomains() refuses the path when no file is there", () => {
  expect(() => readDomains("/nowhere/domains.yaml")).toThrow(ConfigInvalidError);
});
