import type { BaseModel, PromptMessage } from "../inference-engine.ts";
import type { PromptEncoder } from "../prompt-encoder.ts";
import type { PromptRenderer } from "../prompt-renderer.ts";
import { type LoadBaseOptions, type LoadedBase, loadBase } from "./load-base.ts";
import { PromptCodec } from "./prompt-codec.ts";

export type OpenModelPromptsOptions = Omit<LoadBaseOptions, "gpu" | "threads" | "holdsWeights">;

/**
 * Vocabulary and template of a GGUF file without its weights: prompts for a model that another process serves, the same as
 * if it were served here. Rejects with ModelNotFoundError, InferenceUnavailableError.
 */
export async function openModelPrompts(options: OpenModelPromptsOptions): Promise<ModelPrompts> {
  return new ModelPrompts(await loadBase({ ...options, gpu: false, threads: 1, holdsWeights: false }));
}

export class ModelPrompts implements PromptEncoder, PromptRenderer {
  readonly #base: LoadedBase;
  readonly #codec: PromptCodec;
  readonly stopTexts: readonly string[];

  constructor(base: LoadedBase) {
    this.#base = base;
    this.#codec = new PromptCodec(base.model);
    this.stopTexts = this.#codec.listStopTexts();
  }

  get base(): BaseModel {
    return this.#base.description;
  }

  get contextTokens(): number {
    return this.base.contextTokens;
  }

  encodePrompt(messages: readonly PromptMessage[]): readonly number[] {
    return this.#codec.encodePrompt(messages);
  }

  encodeReply(text: string): readonly number[] {
    return this.#codec.encodeReply(text);
  }

  renderPrompt(messages: readonly PromptMessage[]): string {
    return this.#codec.renderPrompt(messages);
  }

  async close(): Promise<void> {
    await this.#base.model.dispose();
    await this.#base.llama.dispose();
  }
}
