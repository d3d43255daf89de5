import { join } from "node:path";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { hasEnded } from "#core/learning.ts";
import type { Log } from "#core/log.ts";
import { examine } from "#simulation/exam.ts";
import type { SimulationParts } from "#simulation/simulate.ts";
import type { World } from "#simulation/world.ts";
import { openKnownAdapter } from "#trainer/activate-adapter.ts";
import { readReadiness } from "#trainer/read-readiness.ts";
import { requestTraining } from "#trainer/request-training.ts";
import { localScope } from "./all.ts";
import { newId } from "./identity.ts";
import { openChat } from "./open-chat.ts";
import { openStores } from "./open-stores.ts";
import { openTrainer } from "./open-trainer.ts";
import { readinessSettings } from "./training-settings.ts";

export const tinyModelPath = join(programDirectory, "assets", "tiny", "reactune-tiny-f16.gguf");
export const worldPath = join(programDirectory, "assets", "tiny", "world.json");

/** What the people of a simulation need that operators' settings would refuse: they type fast, and the world has its own prompt. */
export function simulationPreset(world: World): Readonly<Record<string, string>> {
  return {
    "assistant.systemPrompt": world.systemPrompt,
    "assistant.replyLanguage": "en",
    "conversation.messagesPerMinuteMax": "1000",
    "inference.replyTokensMax": "64",
    "inference.temperature": "0.8",
    "inference.repeatPenalty": "1",
    "web.enabled": "false",
    "log.level": "warn",
  };
}

export interface OpenSimulation {
  readonly parts: SimulationParts;
  close(): Promise<void>;
}

const POLL_MS = 200;

/** The whole product but its pages: real connector, inbox, engine, stores, queue, trainer. */
export async function openSimulation(
  config: Config,
  world: World,
  tell: (line: string) => void,
  log: Log,
): Promise<OpenSimulation> {
  const stores = await openStores(config, log);
  const { createLocalConnector } = await import("#bots/local/local-connector.ts");
  const localChat = createLocalConnector({ now: Date.now, newId });
  const chat = await openChat(config, stores, [localChat], log);
  const trainer = openTrainer(config, stores, async () => chat.opened, log);
  trainer.work();
  const parts: SimulationParts = {
    world,
    localChat,
    chat: stores.chat,
    collect: chat.collect,
    readReadiness: (domain) =>
      readReadiness(stores.learning, localScope(domain), readinessSettings(config), Date.now()),
    async train(domain) {
      const { id } = await requestTraining(trainer.request, localScope(domain), { by: "simulation", isForced: true });
      for (;;) {
        const run = await stores.learning.findRun(id);
        if (run !== undefined && hasEnded(run.state)) return run;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    async examine(domain) {
      await chat.services.refresh();
      const { active } = chat.services.current(localScope(domain));
      const adapter = active === undefined ? undefined : await openKnownAdapter(stores, chat.opened.base, active);
      return examine(chat.opened.engine, adapter, world.factsOf(domain), {
        systemPrompt: config.assistant.systemPrompt,
        replyTokensMax: config.inference.replyTokensMax,
        signal: new AbortController().signal,
      });
    },
    now: Date.now,
    tell,
  };
  return {
    parts,
    async close() {
      await trainer.close();
      await chat.close();
      await stores.close();
    },
  };
}
