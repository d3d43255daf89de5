import { existsSync } from "node:fs";
import { z } from "zod";
import type { Config } from "#config/schema.ts";
import { type Finding, failure, ok, warning } from "./doctor-finding.ts";

/** Tells of the extra without importing what is not there; torch alone knows whether it reaches a device. */
const ASK_TORCH = `
import importlib.util, json
missing = [name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None]
answer = {"missing": missing, "has4Bits": importlib.util.find_spec("bitsandbytes") is not None}
if "torch" not in missing:
    import torch
    answer["version"] = torch.__version__
    if torch.cuda.is_available():
        answer["device"] = torch.cuda.get_device_name(0)
print(json.dumps(answer))
`;

const answerSchema = z.object({
  missing: z.array(z.string()),
  has4Bits: z.boolean(),
  version: z.string().optional(),
  device: z.string().optional(),
});

/** Torch alone takes this long to load from a cold disk. */
const TORCH_MAX_MS = 180_000;
const FIX = 'pip install "./src/trainer/python[torch]" into that Python (6 GB, docs/nvidia.md); set-up never does';

export interface TorchContext {
  readonly python: string;
  readonly trainer: Pick<Config["trainer"], "backend" | "baseBits">;
  readonly hasNvidia: boolean;
  /** What a Python program prints last, as JSON. Rejects when it cannot run. */
  readonly ask: (python: string, program: string, timeoutMs: number) => Promise<unknown>;
}

export function hasNvidiaDevice(): boolean {
  return existsSync("/dev/nvidia0");
}

/** Nothing where MLX trains and no device is left idle. */
export async function checkTorch({ python, trainer, hasNvidia, ask }: TorchContext): Promise<readonly Finding[]> {
  const { backend, baseBits } = trainer;
  if (backend === "mlx" || (backend === "auto" && !hasNvidia)) return [];
  const report = backend === "torch" ? failure : warning;
  const without = backend === "torch" ? "" : ": training leaves the NVIDIA device idle";
  let answer: z.infer<typeof answerSchema>;
  try {
    answer = answerSchema.parse(await ask(python, ASK_TORCH, TORCH_MAX_MS));
  } catch {
    return [report("Torch", `it does not load${without}`, FIX)];
  }
  const { missing, version, device, has4Bits } = answer;
  if (missing.length > 0) return [report("Torch", `${missing.join(", ")} missing${without}`, FIX)];
  if (baseBits === 4 && !has4Bits) {
    return [
      failure("Torch", "trainer.baseBits is 4, and bitsandbytes is missing", "pip install bitsandbytes, or set auto"),
    ];
  }
  const found = `${version} on ${device ?? "the processor"}, ${has4Bits ? "4 bits possible" : "no bitsandbytes"}`;
  if (device === undefined && hasNvidia) {
    return [
      warning("Torch", `${found}: it does not reach the NVIDIA device`, "Install the driver that this torch asks for"),
    ];
  }
  return [ok("Torch", found)];
}
