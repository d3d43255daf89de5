import { describe, expect, test } from "vitest";
import { compareQuestions, questionSignature } from "#core/same-question.ts";

describe("compareQuestions()", () => {
  test.each([
    ["grammar and word order differ", "How do I reset my password?", "What's the way to reset my password?"],
    ["a number is a word", "Can I cancel within 14 days?", "Is it possible to cancel within fourteen days?"],
    ["a unit is written apart", "How do I give Docker 4GB of memory?", "How can I give Docker 4 GB of memory?"],
    ["a synonym is known", "How do I turn on 2FA in GitLab?", "How can I enable two-factor authentication in GitLab?"],
    ["they are Portuguese", "Como troco o e-mail da minha conta?", "Como faço para mudar o e-mail da conta?"],
    ["capitals differ", "how do i install docker?", "How do I install Docker?"],
    ["the same words are of an unknown language", "Wie spät ist es?", "wie spät ist es"],
  ])("compareQuestions() says same when %s", (_, asked, stored) => {
    expect(compareQuestions(asked, stored)).toEqual({ same: true, reason: "" });
  });

  test.each([
    ["numbers, units or dates differ", "Order 48213 is late, why?", "Order 48231 is late, why?"],
    ["numbers, units or dates differ", "How do I boil an egg for 6 minutes?", "How do I boil an egg for 6 hours?"],
    ["numbers, units or dates differ", "Does Python 3.12 run here?", "Does Python 3.9 run here?"],
    ["numbers, units or dates differ", "Onde baixo a fatura de março?", "Onde baixo a fatura de maio?"],
    ["numbers, units or dates differ", "Can I pause for 3 months?", "Can I pause for less than 3 months?"],
    ["one is negated", "Is it legal to record a call?", "Isn't it legal to record a call?"],
    ["one is negated", "Por que meu pedido chegou?", "Por que meu pedido não chegou?"],
    ["one asks how to avoid it", "How do I merge branches?", "How do I avoid merging branches?"],
    ["a word that matters differs", "How do I enable backups?", "How do I disable backups?"],
    ["a word that matters differs", "Is raw salmon safe?", "Is raw chicken safe?"],
    ["names differ", "How do I connect Slack to Notion?", "How do I connect Slack to Trello?"],
    ["names differ", "How do I install it in Ubuntu?", "How do I install it?"],
    ["another kind of question", "How do I reset my password?", "Why can I reset my password?"],
    ["the parts are swapped", "How do I move files from Anna to Peter?", "How do I move files from Peter to Anna?"],
    ["the parts are swapped", "Do you ship to Canada?", "Do you ship from Canada?"],
    ["another person acts", "Can my employer read my emails?", "Can I read emails of my employer?"],
    ["another language", "How do I reset the password?", "Como faço o reset do password?"],
  ])('compareQuestions() says "%s" when asked %s and stored %s', (reason, asked, stored) => {
    expect(compareQuestions(asked, stored)).toEqual({ same: false, reason });
  });

  test("compareQuestions() says another when one word of an unknown language differs", () => {
    expect(compareQuestions("Wie spät ist es in Wien?", "Wie spät ist es in Bonn?").same).toBe(false);
  });

  test("compareQuestions() says another when two long questions differ after what is read", () => {
    const long = "How do I reset it? ".repeat(150);
    expect(compareQuestions(`${long}Now?`, `${long}Never?`).same).toBe(false);
    expect(compareQuestions(long, long).same).toBe(true);
  });

  test.each([
    ["empty", ""],
    ["60,000 letters", "a".repeat(60_000)],
    ["60,000 marks", "?!".repeat(30_000)],
    ["60,000 digits and dots", "1.".repeat(30_000)],
    ["words of an object", "constructor __proto__ toString the of"],
    ["NUL and lone surrogates", "a\0b\uD800 the of"],
  ])("compareQuestions() ends soon when a question is %s", (_, question) => {
    const startedMs = performance.now();
    compareQuestions(question, "How do I reset my password?");
    compareQuestions(question, question);
    expect(performance.now() - startedMs).toBeLessThan(2000); // a regular expression that backtracks takes minutes
  });
});

test("questionSignature() is equal when only grammar differs and another when a number does", () => {
  const signature = questionSignature("How do I cancel within 14 days?");
  expect(questionSignature("What is the way to cancel within fourteen days?")).toBe(signature);
  expect(questionSignature("How do I cancel within 30 days?")).not.toBe(signature);
});
