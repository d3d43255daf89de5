import {
  type ChatHistoryItem,
  ChatMLChatWrapper,
  type ChatWrapper,
  type LlamaModel,
  type LlamaText,
  resolveChatWrapper,
  SpecialToken,
  SpecialTokensText,
  type Token,
} from "node-llama-cpp";
import type { PromptMessage } from "../inference-engine.ts";

/**
 * The one place where messages become tokens, for serving and for training alike. Words of people are tokenised as plain
 * text: only what the chat template itself adds becomes control tokens.
 */
export class PromptCodec {
  readonly #model: LlamaModel;
  readonly #wrapper: ChatWrapper;
  readonly #hasOwnBos: boolean;
  readonly #endOfTurn: Token | undefined;
  /** Tokens and texts that end a reply, besides the model's own end tokens. */
  readonly stopTokens: ReadonlySet<Token>;
  readonly stopTexts: readonly string[];

  /** Resolves the chat template, which can take hundreds of ms: once per base model. */
  constructor(model: LlamaModel) {
    const template = model.fileInfo.metadata.tokenizer?.chat_template ?? "";
    this.#model = model;
    this.#wrapper = isPlainChatMl(template) ? new ChatMLChatWrapper() : resolveChatWrapper(model);
    this.#hasOwnBos = model.tokens.shouldPrependBosToken || template.includes("bos_token");
    this.#endOfTurn = this.#findEndOfTurn();

    const stopTokens = new Set<Token>();
    const stopTexts = new Set<string>();
    for (const trigger of this.#render([{ role: "user", content: "a" }]).stopGenerationTriggers) {
      const text = plainTextOf(trigger);
      if (text !== undefined) stopTexts.add(text);
      else {
        const [token, ...rest] = trigger.tokenize(model.tokenizer);
        if (token !== undefined && rest.length === 0) stopTokens.add(token);
      }
    }
    if (this.#endOfTurn !== undefined) stopTokens.add(this.#endOfTurn);
    this.stopTokens = stopTokens;
    this.stopTexts = [...stopTexts];
  }

  encodePrompt(messages: readonly PromptMessage[]): Token[] {
    const tokens = this.#render(messages).contextText.tokenize(this.#model.tokenizer);
    const bos = this.#model.tokens.bos;
    // The wrappers of node-llama-cpp always begin with BOS. SmolLM2 was trained without, and its BOS is "<|im_start|>":
    // the prompt would begin a turn twice.
    return !this.#hasOwnBos && bos !== null && tokens[0] === bos ? tokens.slice(1) : tokens;
  }

  encodeReply(text: string): Token[] {
    const tokens = this.#model.tokenize(text, false, "trimLeadingSpace");
    return this.#endOfTurn === undefined ? tokens : [...tokens, this.#endOfTurn];
  }

  /** As text that an engine reads with control tokens switched on, which the words of people must not form. */
  renderPrompt(messages: readonly PromptMessage[]): string {
    const tokens = this.#withoutBos(this.encodePrompt(messages));
    const text = this.#model.detokenize(tokens, true);
    if (this.#countControls(this.#model.tokenize(text, true)) === this.#countControls(tokens)) return text;

    const broken = messages.map(({ role, content }) => ({ role, content: this.#breakControls(content) }));
    return this.#model.detokenize(this.#withoutBos(this.encodePrompt(broken)), true);
  }

  /** Those that are tokens, too. */
  listStopTexts(): readonly string[] {
    return [...this.stopTexts, ...[...this.stopTokens].map((token) => this.#model.detokenize([token], true))];
  }

  /** Engines put it there themselves, where the model wants it. */
  #withoutBos(tokens: Token[]): Token[] {
    return this.#model.tokens.shouldPrependBosToken && tokens[0] === this.#model.tokens.bos ? tokens.slice(1) : tokens;
  }

  #countControls(tokens: readonly Token[]): number {
    return tokens.filter((token) => this.#model.isSpecialToken(token)).length;
  }

  /** An invisible space after the first character of each: people read the same. */
  #breakControls(content: string): string {
    const controls = new Set(this.#model.tokenize(content, true).filter((token) => this.#model.isSpecialToken(token)));
    let broken = content;
    for (const token of controls) {
      const text = this.#model.detokenize([token], true);
      broken = broken.replaceAll(text, `${text.slice(0, 1)}\u200b${text.slice(1)}`);
    }
    return broken;
  }

  #render(messages: readonly PromptMessage[]) {
    const chatHistory: ChatHistoryItem[] = messages.map(({ role, content }) => {
      if (role === "assistant") return { type: "model", response: [content] };
      return role === "system" ? { type: "system", text: content } : { type: "user", text: content };
    });
    return this.#wrapper.generateContextState({ chatHistory: [...chatHistory, { type: "model", response: [] }] });
  }

  /** The token that follows a finished reply when the template renders it: what training must teach as the end. */
  #findEndOfTurn(): Token | undefined {
    const question: PromptMessage = { role: "user", content: "a" };
    const beforeReply = this.encodePrompt([question]).length;
    const reply = this.#model.tokenize("b", false, "trimLeadingSpace");
    const rendered = this.encodePrompt([question, { role: "assistant", content: "b" }, question]);
    const next = rendered[beforeReply + reply.length];
    if (next !== undefined && this.#model.isEogToken(next)) return next;
    return this.#model.tokens.eot ?? this.#model.tokens.eos ?? undefined;
  }
}

/** Templates that also show thoughts or tools need the library's own wrapper. */
function isPlainChatMl(template: string): boolean {
  return template.includes("<|im_start|>") && template.includes("<|im_end|>") && !/think|tool/i.test(template);
}

/** Undefined when the trigger holds control tokens. */
function plainTextOf(trigger: LlamaText): string | undefined {
  const { values } = trigger;
  if (values.some((value) => value instanceof SpecialToken || value instanceof SpecialTokensText)) return undefined;
  return values.join("");
}
