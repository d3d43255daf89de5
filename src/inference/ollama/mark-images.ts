import type { PromptMessage } from "../inference-engine.ts";

export interface MarkedMessages {
  readonly messages: readonly PromptMessage[];
  /** In the order of their marks. */
  readonly images: readonly Uint8Array[];
}

/**
 * Ollama reads `[img-0]` in a prompt as the place of the first image. A mark that a person typed would show somebody's image, or be
 * an error where there is none: it is broken by an invisible space.
 */
export function markImages(messages: readonly PromptMessage[]): MarkedMessages {
  const images: Uint8Array[] = [];
  const marked = messages.map(({ role, content, images: own = [] }): PromptMessage => {
    const marks = own.map((_, index) => `[img-${images.length + index}]`).join("");
    images.push(...own);
    return { role, content: `${marks}${content.replaceAll(/\[img-(?=\d)/g, "[img\u200b-")}` };
  });
  return { messages: marked, images };
}
