import { z } from "zod";

const count = z.int().nonnegative();
const maybeNumber = z.number().nullable();
const problem = z.object({ code: z.string(), message: z.string(), hint: z.string() });

/** What the Python trainer may say, one JSON object a line; the same schema as `lora_trainer/protocol.py`. */
export const TrainerEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("started"), stepsTotal: count, stepsDone: count, passes: count, stepsPerPass: count }),
  z.object({
    event: z.literal("progress"),
    step: count,
    stepsTotal: count,
    epoch: count,
    lossTrain: z.number(),
    tokensPerSecond: z.number(),
    memoryPeakBytes: count,
    leftMs: count,
  }),
  z.object({ event: z.literal("validated"), step: count, lossValid: z.number() }),
  z.object({ event: z.literal("checkpoint"), step: count }),
  z.object({ event: z.literal("warning"), code: z.string(), message: z.string() }),
  z.object({
    event: z.literal("trained"),
    adapterPath: z.string(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: count,
    steps: count,
    lossTrainFirst: z.number(),
    lossTrainLast: z.number(),
    lossValidFirst: maybeNumber,
    lossValidBest: maybeNumber,
    tokensPerSecond: z.number(),
    memoryPeakBytes: count,
    seconds: z.number(),
  }),
  z.object({ event: z.literal("evaluated"), figuresPath: z.string() }),
  z.object({
    event: z.literal("preflighted"),
    ready: z.boolean(),
    problems: z.array(problem),
    blas: z.object({ fast: z.boolean(), environment: z.record(z.string(), z.string()), gflops: z.number().nullable() }),
    memory: z.object({ neededBytes: count.optional() }),
    backend: z.string().nullable(),
    minutesEstimated: maybeNumber,
  }),
  z.object({ event: z.literal("error"), code: z.string(), message: z.string(), hint: z.string() }),
]);
export type TrainerEvent = z.infer<typeof TrainerEvent>;
export type TrainerEventOf<Name extends TrainerEvent["event"]> = Extract<TrainerEvent, { event: Name }>;

/** The file of raw figures that `evaluated` names. */
export const EvaluationFile = z.object({
  rows: z.array(
    z.object({ set: z.string(), id: z.string(), tokens: count, lossBase: z.number(), lossAdapter: z.number() }),
  ),
  pairs: z.array(
    z.object({
      id: z.string(),
      likedBase: z.number(),
      likedAdapter: z.number(),
      dislikedBase: z.number(),
      dislikedAdapter: z.number(),
    }),
  ),
  parity: z.array(z.object({ id: z.string(), tokens: count, agreement: z.number() })),
});
