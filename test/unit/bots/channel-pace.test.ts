import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ChannelPace, createChannelPace, type Urgency } from "#bots/channel-pace.ts";
import { memoryWindows } from "../../fixtures/fleet/memory-windows.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

function openPace(writes: number) {
  const startedAtMs = Date.now();
  const passed: string[] = [];
  const pace: ChannelPace = createChannelPace({ writes, perMs: 1000 }, Date.now);
  const take = (name: string, urgency: Urgency = "edit", signal?: AbortSignal) =>
    pace.take("c", urgency, signal).then(() => void passed.push(`${name} at ${Date.now() - startedAtMs}`));
  return { pace, take, passed };
}

test("take() lets no more through in any window than the channel's budget", async () => {
  const { take, passed } = openPace(2);
  for (const name of ["a", "b", "c", "d", "e"]) void take(name);
  await vi.advanceTimersByTimeAsync(3000);

  expect(passed).toEqual(["a at 0", "b at 0", "c at 1000", "d at 1000", "e at 2000"]);
});

test("take() lets finals before firsts before edits before extras, and equals in the order they came", async () => {
  const { take, passed } = openPace(1);
  void take("now");
  void take("emoji", "extra");
  void take("edit 1", "edit");
  void take("edit 2", "edit");
  void take("first", "first");
  void take("final", "final");
  await vi.advanceTimersByTimeAsync(6000);

  expect(passed.map((line) => line.split(" at ")[0])).toEqual(["now", "final", "first", "edit 1", "edit 2", "emoji"]);
});

test("take() spreads edits evenly and leaves one write of the window to the first words of another reply", async () => {
  const { take, passed } = openPace(5);
  for (const name of ["a", "b", "c", "d", "e"]) void take(name);
  await vi.advanceTimersByTimeAsync(800);
  void take("first", "first");
  void take("second", "first");
  await vi.advanceTimersByTimeAsync(1000);

  expect(passed).toEqual([
    ...["a at 0", "b at 250", "c at 500", "d at 750", "first at 800"],
    // The fifth write in a second was the last for now.
    ...["second at 1000", "e at 1250"],
  ]);
});

test("take() gives each channel a budget of its own", async () => {
  const { pace, take, passed } = openPace(1);
  void take("here");
  await pace.take("elsewhere", "extra");
  await vi.advanceTimersByTimeAsync(0);

  expect(passed).toEqual(["here at 0"]);
});

test("take() rejects when its signal aborts, and uses nothing up", async () => {
  const { take, passed } = openPace(1);
  const abort = new AbortController();
  void take("a");
  const given = expect(take("b", "final", abort.signal)).rejects.toThrow("Enough");
  void take("c");
  abort.abort(new Error("Enough"));
  await given;
  await vi.advanceTimersByTimeAsync(1000);

  expect(passed).toEqual(["a at 0", "c at 1000"]);
  await expect(take("d", "final", abort.signal)).rejects.toThrow("Enough");
});

test("pause() holds a channel back until then, also one that is waiting already", async () => {
  const { pace, take, passed } = openPace(1);
  void take("a");
  void take("b");
  pace.pause("c", Date.now() + 2500);
  await vi.advanceTimersByTimeAsync(4000);

  expect(passed).toEqual(["a at 0", "b at 2500"]);
});

test("createChannelPace() lets everybody through where there is no limit", async () => {
  const pace = createChannelPace(undefined, Date.now);

  await Promise.all(Array.from({ length: 100 }, () => pace.take("c", "edit")));
});

test("take() lets processes that share a channel write no more together than its budget, finals first", async () => {
  const startedAtMs = Date.now();
  const windows = memoryWindows(Date.now);
  const passed: string[] = [];
  const processes = ["A", "B"].map((name) => ({
    name,
    pace: createChannelPace({ writes: 4, perMs: 1000 }, Date.now, { windows, name: "discord" }),
  }));
  for (const { name, pace } of processes) {
    for (const _ of [1, 2, 3]) void pace.take("c", "edit").then((end) => void [passed.push(`edit ${name}`), end()]);
    void pace.take("c", "final").then((end) => {
      passed.push(`final ${name} at ${Date.now() - startedAtMs}`);
      end();
    });
  }
  await vi.advanceTimersByTimeAsync(10_000);

  expect(passed).toHaveLength(8);
  expect(passed.slice(0, 2).toSorted()).toEqual(["final A at 0", "final B at 0"]);
  const writtenAtMs = windows.takenAtMs("discord c");
  const most = writtenAtMs.map((fromMs) => writtenAtMs.filter((at) => at >= fromMs && at < fromMs + 1000).length);
  expect(Math.max(...most)).toBeLessThanOrEqual(4);
});

test("take() counts what a process writes until its answer: another's window never holds more than the budget", async () => {
  const startedAtMs = Date.now();
  const windows = memoryWindows(Date.now);
  const arrivedAtMs: number[] = [];
  const paces = [1, 2].map(() => createChannelPace({ writes: 2, perMs: 1000 }, Date.now, { windows, name: "discord" }));
  // What is let through arrives up to 0.9 s later, as on a busy machine.
  const write = async (pace: (typeof paces)[number], number: number) => {
    const noteAnswered = await pace.take("c", "final");
    await new Promise((resolve) => setTimeout(resolve, (number * 450) % 1350));
    arrivedAtMs.push(Date.now());
    noteAnswered();
  };
  const all = Promise.all(paces.flatMap((pace) => [1, 2, 3, 4, 5].map((number) => write(pace, number))));
  await vi.advanceTimersByTimeAsync(30_000);
  await all;

  expect(arrivedAtMs).toHaveLength(10);
  const most = arrivedAtMs.map((fromMs) => arrivedAtMs.filter((at) => at >= fromMs && at < fromMs + 1000).length);
  expect(Math.max(...most)).toBeLessThanOrEqual(2);
  // Nor does a place stay taken for longer.
  expect((arrivedAtMs.at(-1) ?? 0) - startedAtMs).toBeLessThan(10_000);
});
