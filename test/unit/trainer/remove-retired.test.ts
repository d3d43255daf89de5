import { expect, test } from "vitest";
import { InferenceUnavailableError } from "#core/errors.ts";
import type { AdapterHost } from "#inference/adapter-host.ts";
import { removeRetiredFromHosts } from "#trainer/remove-retired.ts";
import { silentLog } from "../../fixtures/llama/engine-under-test.ts";
import { openTrainingWorld } from "./training-world.ts";

/** Copies in a set; the digests in `unreachable` lie on a host that does not answer. */
function openHost(copies: Set<string>, unreachable: ReadonlySet<string> = new Set()): AdapterHost {
  return {
    listHosted: async () => [...copies],
    async removeHosted(digest) {
      if (unreachable.has(digest)) throw new InferenceUnavailableError("Ollama");
      copies.delete(digest);
    },
  };
}

async function openTwoAdapters() {
  const { store, makeAdapter } = await openTrainingWorld({ liked: 0 });
  const { learning } = store;
  const [kept, retired] = [await makeAdapter("GGUF kept"), await makeAdapter("GGUF retired")];
  const adapter = await learning.findAdapter(retired);
  if (adapter === undefined) throw new Error("The adapter was not stored");
  await learning.saveAdapter({ ...adapter, state: "retired" });
  return { learning, kept, retired };
}

test("removeRetiredFromHosts() removes withdrawn adapters, and none that is in use or somebody else's", async () => {
  const { learning, kept, retired } = await openTwoAdapters();
  const copies = new Set([kept, retired, "somebody else's"]);

  expect(await removeRetiredFromHosts(learning, openHost(copies), silentLog)).toEqual([retired]);
  expect([...copies]).toEqual([kept, "somebody else's"]);
});

test("removeRetiredFromHosts() goes on when a host does not answer, and removes with the next call", async () => {
  const { learning, retired } = await openTwoAdapters();
  const copies = new Set([retired]);

  expect(await removeRetiredFromHosts(learning, openHost(copies, new Set([retired])), silentLog)).toEqual([]);
  expect(await removeRetiredFromHosts(learning, openHost(copies), silentLog)).toEqual([retired]);
});
