import { test } from "vitest";
import { sampleTurn, sampleChange } from "../../../contract/sample-records.ts";
import { openTempStore } from "./temp-store.ts";
test("save", { timeout: 100000 }, async () => {
  const store = openTempStore();
  const times: number[] = [];
  for (let i = 0; i < 3000; i += 1) {
    const t = performance.now();
    const turn = sampleTurn({ id: `t${i}`, conversationId: `c${i >> 4}`, reply: "x ".repeat(800) });
    await store.chat.saveTurn({ ...turn, status: "streaming", reply: "" });
    await store.chat.saveTurn(turn);
    await store.chat.putFeedback(sampleChange({ turnId: turn.id, score: 5 }));
    times.push(performance.now() - t);
  }
  times.sort((a, b) => a - b);
  process.stdout.write(`p50 ${times[1500]?.toFixed(2)} p95 ${times[2850]?.toFixed(2)}\n`);
});
