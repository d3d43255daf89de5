import { expect, test } from "vitest";
import type { SettingStore } from "#store/setting-store.ts";
import { sampleSetting } from "./sample-records.ts";

/** What every SettingStore promises. `open` gives two views of one empty store, as two processes have them. */
export function settingStoreContract(open: () => Promise<readonly [SettingStore, SettingStore]>): void {
  test("listSettings() gives the newest value of each workspace, channel and key, in every process", async () => {
    const [one, two] = await open();
    await one.putSetting(sampleSetting({ value: "1" }));
    await one.putSetting(sampleSetting());
    await one.putSetting(sampleSetting({ channelId: "web" }));
    await one.putSetting(sampleSetting({ channelId: "null" }));
    await one.putSetting(sampleSetting({ workspaceId: "slack:T1" }));
    await one.putSetting(sampleSetting({ key: "assistant.replyLanguage" }));

    const settings = await two.listSettings();
    expect(settings).toHaveLength(5);
    expect(settings).toContainEqual(sampleSetting());
    expect(settings).toContainEqual(sampleSetting({ channelId: "null" }));
    expect(settings).toContainEqual(sampleSetting({ workspaceId: "slack:T1" }));
  });

  test("settingsRevision() grows with every change in any process, and only then", async () => {
    const [one, two] = await open();
    const revisions = [await two.settingsRevision()];
    for (const change of [
      () => one.putSetting(sampleSetting()),
      () => one.putSetting(sampleSetting()),
      () => two.putSetting(sampleSetting({ channelId: "web" })),
      () => one.removeSetting(sampleSetting()),
    ]) {
      await change();
      revisions.push(await two.settingsRevision());
    }

    expect(revisions[0]).toBe(0);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    await one.removeSetting(sampleSetting());
    await one.listSettings();
    expect(await one.settingsRevision()).toBe(revisions.at(-1));
  });

  test("removeSetting() takes one value away, and is false when there was none", async () => {
    const [one, two] = await open();
    await one.putSetting(sampleSetting());
    await one.putSetting(sampleSetting({ channelId: "web" }));

    expect(await two.removeSetting(sampleSetting({ channelId: "other" }))).toBe(false);
    expect(await two.removeSetting(sampleSetting())).toBe(true);
    expect(await two.removeSetting(sampleSetting())).toBe(false);
    expect(await one.listSettings()).toEqual([sampleSetting({ channelId: "web" })]);
  });

  test("listSettings() gives back hostile text as it was", async () => {
    const [one] = await open();
    const text = `__proto__ '"\\ \u0000 \ud800 \u2028`;
    const setting = sampleSetting({ workspaceId: text, channelId: text, key: text, value: JSON.stringify(text) });
    await one.putSetting(setting);

    expect(await one.listSettings()).toEqual([setting]);
    expect(await one.removeSetting(setting)).toBe(true);
  });
}
