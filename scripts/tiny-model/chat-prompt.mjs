import { ChatMLChatWrapper } from "node-llama-cpp";

/** Tokens up to and including "<|im_start|>assistant\n". `before` holds chat history items, oldest first. */
export function promptTokens(model, systemPrompt, before, question) {
  const chatHistory = [
    { type: "system", text: systemPrompt },
    ...before,
    { type: "user", text: question },
    { type: "model", response: [] },
  ];
  return new ChatMLChatWrapper().generateContextState({ chatHistory }).contextText.tokenize(model.tokenizer);
}
