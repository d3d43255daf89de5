/** The exact cache key of a question: white space folded, case kept (it can carry names), closing marks dropped. */
export function plainQuestion(question: string): string {
  return question
    .normalize("NFC")
    .replace(/\s+/gu, " ")
    .trim()
    .replace(/[?.!\s]+$/u, "");
}
