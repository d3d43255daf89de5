/** `plain` is any provider: chat alone, and only settings that all of them know. */
export type ServerKind = "plain" | "vllm" | "llama-server";

export interface Preset {
  /** For people. */
  readonly title: string;
  readonly kind: ServerKind;
  /** Of a hosted provider, whose address need not be looked up. */
  readonly url?: string;
}

export const presets = {
  vllm: { title: "vLLM", kind: "vllm" },
  "llama-server": { title: "llama-server", kind: "llama-server" },
  openai: { title: "OpenAI", kind: "plain", url: "https://api.openai.com/v1" },
  groq: { title: "Groq", kind: "plain", url: "https://api.groq.com/openai/v1" },
  together: { title: "Together", kind: "plain", url: "https://api.together.xyz/v1" },
  custom: { title: "an OpenAI-compatible server", kind: "plain" },
} as const satisfies Readonly<Record<string, Preset>>;

/** The address of the API without a slash at its end: of a provider by name, or as it was given. */
export function completeApiUrl(urlOrProvider: string): string {
  const found = new Map<string, Preset>(Object.entries(presets)).get(urlOrProvider);
  return (found?.url ?? urlOrProvider).replace(/\/+$/, "");
}
