import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { systemPromptOf } from "#bots/place-prompt.ts";
import { type ResolveSettings, watchSettings } from "#bots/watch-settings.ts";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { readSystem } from "#config/system.ts";
import type { Log } from "#core/log.ts";
import { createSystemPrompt, type SystemPromptFor } from "#inference/reply-language.ts";
import type { RunParts } from "#trainer/run-parts.ts";
import { dataPaths } from "./data-paths.ts";
import { sha256 } from "./identity.ts";
import { openEngine } from "./open-inference.ts";
import { placeSettingsOf } from "./place-settings.ts";
import type { Stores } from "./stores.ts";
import { trainerFlags, trainerPackageDirectory, trainerPython, trainSettings } from "./training-settings.ts";

/** One row at a time is evaluated and chat comes first, so the run's own engine is kept small. */
const RUN_ENGINE = { parallelStreams: 1, queueMax: 4, adaptersLoadedMax: 1 } as const;
const ATTEMPTS_MAX = 3;

/** What a training run needs in the process that runs it. */
export async function openRunParts(config: Config, stores: Stores, log: Log): Promise<RunParts> {
  const [{ createPythonBackend }, { lossCurve }, { svgToPng }] = await Promise.all([
    import("#trainer/child/python-backend.ts"),
    import("#charts/loss-curve.ts"),
    import("#charts/svg-to-png.ts"),
  ]);
  const paths = dataPaths(config.data);
  return {
    learning: stores.learning,
    people: stores.people,
    files: stores.files,
    ...(stores.datasets === undefined ? {} : { datasets: stores.datasets }),
    events: stores.events,
    backend: createPythonBackend({
      python: trainerPython(config.trainer),
      program: ["-m", "lora_trainer"],
      flags: trainerFlags(config.trainer),
      environment: {
        ...readSystem().environment,
        PYTHONPATH: trainerPackageDirectory,
        PYTHONUNBUFFERED: "1",
        PYTHONDONTWRITEBYTECODE: "1",
      },
      niceness: config.trainer.niceness,
      silenceMaxMs: config.trainer.silenceMaxMs,
      runMaxMs: config.trainer.runMaxMs,
    }),
    drawLossCurve: (curve) => {
      const svg = lossCurve(curve);
      return { svg, png: svgToPng(svg) };
    },
    openEngine: () => openEngine({ ...config, inference: { ...config.inference, ...RUN_ENGINE } }, log),
    settings: {
      dataset: config.dataset,
      days: config.dataset.days,
      train: trainSettings(config),
      judge: {
        ...config.evaluation,
        replyTokensMax: Math.min(config.inference.replyTokensMax, config.trainer.contextTokens),
        seed: config.dataset.seed,
      },
      systemPromptFor: await readSystemPrompts(config, stores, log),
      generalPrompts: await readGeneralPrompts(config.evaluation.generalPromptsFile),
      runsDirectory: paths.runs,
      generalDirectory: paths.general,
      attemptsMax: ATTEMPTS_MAX,
    },
    hash: sha256,
    now: Date.now,
    log,
  };
}

/** The prompts of all places as they are now: what a run collects is told under them, whatever is set while it trains. */
export async function readSystemPrompts(config: Config, stores: Stores, log: Log): Promise<SystemPromptFor> {
  const resolve: ResolveSettings = (place, overrides) => placeSettingsOf(config, place, overrides);
  const places = await watchSettings(stores.settings, stores.events, resolve, log);
  places.stop();
  return systemPromptOf(places, createSystemPrompt(config.assistant.systemPrompt, config.assistant.replyLanguage));
}

async function readGeneralPrompts(file: string): Promise<readonly string[]> {
  const path = isAbsolute(file) ? file : join(programDirectory, file);
  const { z } = await import("zod");
  return z
    .array(z.string().min(1))
    .min(4)
    .parse(JSON.parse(await readFile(path, "utf8")));
}
