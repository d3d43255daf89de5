import { expect, test } from "vitest";
import { matchKeywords, plainWords } from "#core/domain.ts";

const domain = (id: string, ...keywords: string[]) => ({ id, description: "", keywords, examples: [] });
const DOMAINS = [
  domain("support", "refund", "order", "encomenda", "money back"),
  domain("technical", "python", "c++", "devolução"),
];

test("matchKeywords() finds whole words without case, accents and marks", () => {
  expect(matchKeywords("WHERE is my Order?!", DOMAINS)).toEqual({ domain: "support", score: 1, words: ["order"] });
  expect(matchKeywords("a DEVOLUCAO falhou", DOMAINS)?.domain).toBe("technical");
});

test.each(["My orders are late", "disorder", "", "Hello there"])("matchKeywords() finds nothing in %j", (question) => {
  expect(matchKeywords(question, DOMAINS)).toBeUndefined();
});

test("matchKeywords() weighs a phrase by its words", () => {
  const match = matchKeywords("Python ate it, I want my money back", DOMAINS);

  expect(match).toEqual({ domain: "support", score: 2 / 3, words: ["money back"] });
});

test("matchKeywords() does not choose when two domains have equally many", () => {
  expect(matchKeywords("an order for a python", DOMAINS)).toBeUndefined();
});

test("matchKeywords() finds nothing when there is no domain", () => {
  expect(matchKeywords("order", [])).toBeUndefined();
});

test("plainWords() keeps letters and numbers of every script", () => {
  expect(plainWords("  Não é ISSO: 2×3?  Ура! ")).toBe("nao e isso 2 3 ура");
});
