import type { AnsweringChoice, SetupAnswering } from "#dashboard/setup-records.ts";

/** Of the configuration. */
export interface AnsweringSettings {
  readonly engine: "auto" | "llama" | "ollama" | "openai";
  readonly preset: string;
  readonly hasHosts: boolean;
}

const CHOICES: readonly AnsweringChoice[] = [
  { who: "This process", how: "nothing to set (inference.engine: llama)", takesAdapters: true },
  { who: "Ollama", how: "OLLAMA_HOST in .env", takesAdapters: true },
  {
    who: "vLLM or llama-server",
    how: "inference.engine: openai, inference.preset: vllm or llama-server, inference.hosts",
    takesAdapters: true,
  },
  {
    who: "OpenAI, Groq or Together",
    how:
      "inference.engine: openai, inference.preset: openai, groq or together, inference.hostModel; " +
      "OPENAI_API_KEY, GROQ_API_KEY or TOGETHER_API_KEY in .env",
    takesAdapters: false,
  },
  {
    who: "Any other OpenAI-compatible server",
    how: "inference.engine: openai, inference.hosts, inference.hostModel; INFERENCE_API_KEY in .env where it asks for a key",
    takesAdapters: false,
  },
];

/** Who answers now, and how another one would: set-up itself takes the credentials of platforms only. */
export function describeAnswering(settings: AnsweringSettings | undefined): SetupAnswering {
  return { now: nameOf(settings), choices: CHOICES, guide: "docs/supported-systems.md#servers-that-answer" };
}

/** As lines, for the terminal. */
export function answeringLines({ now, choices, guide }: SetupAnswering): readonly string[] {
  return [
    `Now: ${now}. Settings of reactune.yaml choose another:`,
    ...choices.map(({ who, how, takesAdapters }) => `- ${who}${takesAdapters ? "" : " (learns no adapters)"}: ${how}`),
    `More in ${guide}; \`reactune doctor\` asks the server.`,
  ];
}

function nameOf(settings: AnsweringSettings | undefined): string {
  if (settings === undefined) return "not known, since the settings do not load";
  const { engine, preset, hasHosts } = settings;
  if (engine === "openai") return preset === "custom" ? "an OpenAI-compatible server" : `${preset} (OpenAI-compatible)`;
  return engine === "ollama" || (engine === "auto" && hasHosts) ? "Ollama" : "this process";
}
