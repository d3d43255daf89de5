import type { EngineInspection } from "#commands/doctor-engine.ts";
import type { Config } from "#config/schema.ts";
import { ollamaSettingsOf } from "./open-ollama.ts";
import { openAiSettingsOf } from "./open-openai.ts";

/** Discord's shards are processes of their own: without a model server each of them opens the model. None where there are no shards. */
export function inspectShards(config: Config): readonly EngineInspection[] {
  const { discord, credentials } = config;
  if (discord.shards === undefined || credentials.discordToken === undefined) return [];
  const name = "Discord's shards";
  const count = discord.shards === "auto" ? "as many as Discord recommends" : `${discord.shards}`;
  const isServed = openAiSettingsOf(config) !== undefined || ollamaSettingsOf(config)?.adapters === "models";
  if (isServed) return [{ name, found: `${count}, all answered by the model server`, problems: [] }];
  const found = "each opens the model for itself, with memory and threads of its own";
  const fix = "Set OLLAMA_HOST (or inference.engine and inference.hosts), so that all use one model server";
  return [{ name, found: `${count}: `, problems: [{ found, fix }] }];
}
