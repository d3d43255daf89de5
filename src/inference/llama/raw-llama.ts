import { ChatMLChatWrapper, getLlama, LlamaChatSession, LlamaLogLevel } from "node-llama-cpp";
import type { Now } from "#core/clock.ts";

export interface RawLlamaOptions {
  readonly modelPath: string;
  readonly threads: number;
  readonly contextTokens: number;
  readonly now: Now;
}

export interface RawReply {
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly replyTokens: number;
}

/** node-llama-cpp as its own documentation uses it, with nothing of ours around it: what a benchmark compares with. */
export interface RawLlama {
  /** The bare token loop, without text: nothing can be faster. */
  evaluate(question: string, replyTokensMax: number): Promise<RawReply>;
  /** The chat session that its guide recommends. */
  prompt(question: string, replyTokensMax: number): Promise<RawReply>;
  close(): Promise<void>;
}

/** For models with a ChatML template. Loads weights of its own. */
export async function openRawLlama({ modelPath, threads, contextTokens, now }: RawLlamaOptions): Promise<RawLlama> {
  const logLevel = LlamaLogLevel.error;
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: threads, logLevel });
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: contextTokens, sequences: 2, threads });
  const [bare, chatting] = [context.getSequence(), context.getSequence()];
  const wrapper = new ChatMLChatWrapper();

  async function measure(run: (onToken: () => void) => Promise<void>): Promise<RawReply> {
    const startedAtMs = now();
    let firstTokenMs: number | undefined;
    let replyTokens = 0;
    await run(() => {
      firstTokenMs ??= now() - startedAtMs;
      replyTokens += 1;
    });
    const totalMs = now() - startedAtMs;
    return { firstTokenMs: firstTokenMs ?? totalMs, totalMs, replyTokens };
  }

  return {
    evaluate: async (question, replyTokensMax) => {
      await bare.clearHistory();
      return measure(async (onToken) => {
        const { contextText } = wrapper.generateContextState({
          chatHistory: [
            { type: "user", text: question },
            { type: "model", response: [] },
          ],
        });
        let tokensLeft = replyTokensMax;
        for await (const _token of bare.evaluate(contextText.tokenize(model.tokenizer).slice(1))) {
          onToken();
          tokensLeft -= 1;
          if (tokensLeft === 0) break;
        }
      });
    },
    prompt: async (question, replyTokensMax) => {
      await chatting.clearHistory();
      const session = new LlamaChatSession({ contextSequence: chatting, chatWrapper: wrapper, systemPrompt: "" });
      const reply = await measure(async (onToken) => {
        const onResponseChunk = ({ tokens }: { readonly tokens: readonly number[] }) => tokens.forEach(onToken);
        await session.prompt(question, { temperature: 0, maxTokens: replyTokensMax, onResponseChunk });
      });
      session.dispose({ disposeSequence: false });
      return reply;
    },
    close: async () => {
      await model.dispose();
      await llama.dispose();
    },
  };
}
