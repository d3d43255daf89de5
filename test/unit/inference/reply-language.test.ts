import { expect, test } from "vitest";
import { createSystemPrompt } from "#inference/reply-language.ts";

const WORDS = "You are a helpful assistant.";

test.each([
  ["Como posso devolver uma encomenda?", "Answer in Portuguese."],
  ["¿Dónde está mi pedido de ayer?", "Answer in Spanish."],
  ["Wie kann ich die Bestellung stornieren?", "Answer in German."],
  ["Как вернуть заказ?", "Answer in Russian."],
  ["これはどうやって使いますか", "Answer in Japanese."],
])("createSystemPrompt() names the language of %j when it is to follow the person", async (question, order) => {
  expect(await createSystemPrompt(WORDS, "auto")(question)).toBe(`${WORDS}\n${order}`);
});

test.each([
  "How do I return an order?",
  "Password reset?",
  "Log folder?",
  "Secrecy clause duration?",
  "Olá",
  "12345 67890 11121",
  "😀😀😀",
  "",
])("createSystemPrompt() adds nothing when %j is English or tells too little", async (question) => {
  expect(await createSystemPrompt(WORDS, "auto")(question)).toBe(WORDS);
});

test("createSystemPrompt() names the chosen language whatever the question's is", async () => {
  expect(await createSystemPrompt(WORDS, "fr")("How do I return an order?")).toBe(`${WORDS}\nAnswer in French.`);
});

test("createSystemPrompt() adds nothing when English is chosen", async () => {
  expect(await createSystemPrompt(WORDS, "en")("Como posso devolver uma encomenda?")).toBe(WORDS);
});

test("createSystemPrompt() is the order alone when there is no system prompt", async () => {
  expect(await createSystemPrompt("", "pt")("Hello?")).toBe("Answer in Portuguese.");
});
