import type { BaseModel } from "#inference/inference-engine.ts";
import type { ModelUseTotals } from "#store/model-store.ts";
import type { ChatCommand } from "./chat-command.ts";
import type { CommandParts } from "./command-parts.ts";

export function modelsCommand({ engine, models }: CommandParts): ChatCommand {
  return {
    name: "models",
    description: "The base models that can answer, and how they do",
    access: "admin",
    options: [],
    async run() {
      const use = new Map((await models.queryUse()).map((totals) => [totals.modelDigest, totals]));
      const lines = (await engine.list()).map((model, index) =>
        describeModel(model, use.get(model.digest), index === 0),
      );
      return { text: lines.length === 0 ? "No model is loaded: `reactune doctor` says why." : lines.join("\n") };
    },
  };
}

/** Averages only: how much is asked elsewhere is no business of this workspace. */
function describeModel(model: BaseModel, use: ModelUseTotals | undefined, isDefault: boolean): string {
  // A provider tells neither architecture nor size.
  const kind =
    model.parameters === 0 ? "" : `${model.architecture}, ${(model.parameters / 1e6).toFixed(0)} M parameters, `;
  const size = `context of ${model.contextTokens} tokens`;
  const figures =
    use === undefined || use.requests === 0
      ? "not used yet"
      : `${(use.totalMs / use.requests / 1000).toFixed(1)} s a reply on average, ${((use.errors / use.requests) * 100).toFixed(1)} % failed`;
  const marks = [
    ...(isDefault ? ["answers now"] : []),
    ...(model.isStandIn ? ["a small stand-in for a real model"] : []),
  ];
  return `- **${model.name}** (${kind}${size}): ${[...marks, figures].join(", ")}`;
}
