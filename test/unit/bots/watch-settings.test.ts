import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import type { PlaceSettings } from "#bots/place-settings.ts";
import { watchSettings } from "#bots/watch-settings.ts";
import { memoryEventBus } from "#events/memory/event-bus.ts";
import type { SettingStore } from "#store/setting-store.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";
import { recordingLog } from "./chat-world.ts";

afterEach(() => {
  vi.useRealTimers();
});

const WORKSPACE = { platform: "discord", workspaceId: "discord:1" } as const;
const CHANNEL = { ...WORKSPACE, channelId: "c1" } as const;

/** A watch whose settings are resolved to the prompt alone, so that a test sees which value won. */
async function openWatch(changes: Partial<SettingStore> = {}) {
  const store = openTempStore().settings;
  const events = memoryEventBus();
  const { lines, log } = recordingLog();
  let resolutions = 0;
  const open = async () => {
    const resolve = (_place: object, overrides: ReadonlyMap<string, string>): PlaceSettings => {
      resolutions++;
      return { ...fixedSettings().of(WORKSPACE), systemPrompt: overrides.get("prompt") ?? "configured" };
    };
    const watch = await watchSettings({ ...store, ...changes }, events, resolve, log);
    onTestFinished(() => watch.stop());
    return watch;
  };
  const put = (value: string, place: { workspaceId?: string; channelId?: string } = {}) =>
    store.putSetting({ workspaceId: "discord:1", ...place, key: "prompt", value, setBy: "boss", setAtMs: 1 });
  return { store, events, lines, open, put, resolutions: () => resolutions };
}

test("of() takes the channel's over the workspace's over the configuration's", async () => {
  const { open, put } = await openWatch();
  await put("of channel", { channelId: "c1" });
  await put("of workspace");
  await put("of another", { workspaceId: "discord:2" });
  const watch = await open();

  expect(watch.of(CHANNEL).systemPrompt).toBe("of channel");
  expect(watch.of({ ...WORKSPACE, channelId: "c2" }).systemPrompt).toBe("of workspace");
  expect(watch.of(WORKSPACE).systemPrompt).toBe("of workspace");
  expect(watch.of({ ...CHANNEL, workspaceId: "discord:3" }).systemPrompt).toBe("configured");
});

test("of() resolves a place once until a setting changes", async () => {
  const { open, put, resolutions } = await openWatch();
  const watch = await open();
  watch.of(CHANNEL);
  watch.of({ ...CHANNEL });
  expect(resolutions()).toBe(1);

  await put("new");
  await watch.refresh();

  expect(watch.of(CHANNEL).systemPrompt).toBe("new");
  expect(resolutions()).toBe(2);
});

test("of() resolves channels without settings of their own together, and those that have some apart", async () => {
  const { open, put, resolutions } = await openWatch();
  await put("of c1", { channelId: "c1" });
  await put("of workspace");
  const watch = await open();
  const channels = ["c1", "c2", "c3", "c1", "c4"].map(
    (channelId) => watch.of({ ...WORKSPACE, channelId }).systemPrompt,
  );

  expect(channels).toEqual(["of c1", "of workspace", "of workspace", "of c1", "of workspace"]);
  expect(resolutions()).toBe(2);
});

test("of() tells a change of another process within half a second", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { open, put } = await openWatch();
  const watch = await open();

  await put("new");
  expect(watch.of(CHANNEL).systemPrompt).toBe("configured");
  await vi.advanceTimersByTimeAsync(500);

  expect(watch.of(CHANNEL).systemPrompt).toBe("new");
});

test("of() tells a change at once after a hint, and its removal", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { open, put, store, events } = await openWatch();
  const watch = await open();
  const hint = async () => {
    events.publish({ kind: "settings.changed", workspaceId: "discord:1" });
    await new Promise((resolve) => setTimeout(resolve, 20));
  };

  await put("new");
  await hint();
  expect(watch.of(CHANNEL).systemPrompt).toBe("new");
  await store.removeSetting({ workspaceId: "discord:1", key: "prompt" });
  await hint();
  expect(watch.of(CHANNEL).systemPrompt).toBe("configured");
});

test("of() goes on with what held when the store cannot be read, and tells that once", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  let isBroken = false;
  const { open, put, lines, store } = await openWatch({
    settingsRevision: async () => {
      if (isBroken) throw new Error("disk gone");
      return 7;
    },
  });
  await put("held");
  const watch = await open();

  isBroken = true;
  await vi.advanceTimersByTimeAsync(3000);

  expect(watch.of(CHANNEL).systemPrompt).toBe("held");
  expect(lines.map(({ event }) => event)).toEqual(["settings.read-failed"]);
  expect(await store.settingsRevision()).toBe(1);
});

test("watchSettings() rejects when the settings cannot be read at the start", async () => {
  const { open } = await openWatch({
    listSettings: async () => {
      throw new Error("disk gone");
    },
  });

  await expect(open()).rejects.toThrow("disk gone");
});
