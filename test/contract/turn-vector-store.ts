import { expect, test } from "vitest";
import type { ChatStore } from "#store/chat-store.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";
import { sampleTurn } from "./sample-records.ts";

export interface OpenedVectors {
  readonly chat: ChatStore;
  readonly vectors: TurnVectorStore;
}

/** What every TurnVectorStore promises. `open` gives empty stores. */
export function turnVectorStoreContract(open: () => Promise<OpenedVectors>): void {
  test("getVectors() gives those that are known, by turn, to the last bit", async () => {
    const { chat, vectors } = await open();
    for (const id of ["t1", "t2", "t3"]) await chat.saveTurn(sampleTurn({ id }));
    const first = Float32Array.from({ length: 384 }, (_, at) => Math.sin(at));
    await vectors.putVector("e1", "t1", first);
    // A view into the middle of a larger block.
    await vectors.putVector("e1", "t2", new Float32Array([9, 1, 2, 9]).subarray(1, 3));

    const known = await vectors.getVectors("e1", ["t3", "t2", "unknown", "t1"]);
    expect(known.size).toBe(2);
    expect(known.get("t1")).toEqual(first);
    expect(known.get("t2")).toEqual(new Float32Array([1, 2]));
    expect(await vectors.getVectors("e1", [])).toEqual(new Map());
  });

  test("putVector() replaces the vector of the same turn and embedder, and leaves other embedders' alone", async () => {
    const { chat, vectors } = await open();
    await chat.saveTurn(sampleTurn());
    await vectors.putVector("e1", "t1", new Float32Array([1]));
    await vectors.putVector("e2", "t1", new Float32Array([2, 2]));
    await vectors.putVector("e1", "t1", new Float32Array([3]));

    expect((await vectors.getVectors("e1", ["t1"])).get("t1")).toEqual(new Float32Array([3]));
    expect((await vectors.getVectors("e2", ["t1"])).get("t1")).toEqual(new Float32Array([2, 2]));
  });

  test("putVector() keeps nothing for a turn that is not stored", async () => {
    const { vectors } = await open();
    await vectors.putVector("e1", "t1", new Float32Array([1]));

    expect(await vectors.getVectors("e1", ["t1"])).toEqual(new Map());
  });
}
