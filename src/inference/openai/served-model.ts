import { InferenceUnavailableError } from "#core/errors.ts";
import { listModels } from "./adapters-on-host.ts";
import type { ApiOptions } from "./openai-api.ts";
import { completeApiUrl } from "./presets.ts";

const ASK_TIMEOUT_MS = 10_000;

/** What servers of one model call it: the first name that the first of them tells. Rejects with InferenceUnavailableError. */
export async function findServedModel(hosts: readonly ApiOptions[]): Promise<string> {
  const asks = hosts.map(async (host) => {
    const [name] = await listModels({ ...host, url: completeApiUrl(host.url) }, AbortSignal.timeout(ASK_TIMEOUT_MS));
    if (name === undefined) throw new Error("The server lists no model");
    return name;
  });
  try {
    return await Promise.any(asks);
  } catch (cause) {
    throw new InferenceUnavailableError("OpenAI-compatible", { cause });
  }
}
