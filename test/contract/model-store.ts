import { expect, test } from "vitest";
import type { ModelStore, ModelUse } from "#store/model-store.ts";

const use: ModelUse = {
  modelDigest: "m1",
  modelName: "smollm2",
  atMs: 10,
  failed: false,
  totalMs: 250.5,
  replyTokens: 12,
};

/** What every ModelStore promises. `open` gives an empty store. */
export function modelStoreContract(open: () => Promise<ModelStore>): void {
  test("queryUse() adds up each model's replies, most recently used first", async () => {
    const models = await open();
    await models.saveUse(use);
    await models.saveUse({ ...use, modelDigest: "m2", modelName: "tiny", atMs: 30 });
    await models.saveUse({ ...use, atMs: 20, failed: true, replyTokens: 0 });
    await models.saveUse({ ...use, atMs: 5 });

    expect(await models.queryUse()).toEqual([
      {
        modelDigest: "m2",
        modelName: "tiny",
        lastUsedAtMs: 30,
        requests: 1,
        errors: 0,
        totalMs: 250.5,
        replyTokens: 12,
      },
      {
        modelDigest: "m1",
        modelName: "smollm2",
        lastUsedAtMs: 20,
        requests: 3,
        errors: 1,
        totalMs: 751.5,
        replyTokens: 24,
      },
    ]);
  });

  test("saveUse() loses none when many replies end at once", async () => {
    const models = await open();
    await Promise.all(Array.from({ length: 20 }, () => models.saveUse(use)));

    expect(await models.queryUse()).toMatchObject([{ requests: 20, replyTokens: 240 }]);
  });
}
